//! What all functions of nothing but their arguments have in common.

use vrl::compiler::function::{ArgumentList, Compiled, Example, FunctionCompileContext};
use vrl::compiler::state::TypeState;
use vrl::compiler::{
    Context, Expression, ExpressionError, Function, FunctionExpression, Parameter, Resolved,
    TypeDef,
};
use vrl::value::Value;

use crate::bounds::charge;

/// A function of its arguments.
#[derive(Clone, Copy)]
pub(super) struct Pure {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// What it gives, by the type of its first argument.
    pub(super) gives: fn(&TypeDef) -> TypeDef,
    pub(super) call: fn(Arguments) -> Resolved,
}

impl std::fmt::Debug for Pure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function for &'static Pure {
    fn identifier(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        "See schemas/README.md of Plumbline."
    }

    fn category(&self) -> &'static str {
        "Plumbline"
    }

    fn return_kind(&self) -> u16 {
        vrl::compiler::value::kind::ANY
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn compile(
        &self,
        _state: &TypeState,
        _context: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        let given = self.parameters.iter();
        let given = given.map(|parameter| arguments.optional(parameter.keyword));
        let call = Call {
            function: self,
            arguments: given.collect(),
        };
        Ok(call.as_expr())
    }
}

/// A call in a program.
#[derive(Clone, Debug)]
struct Call {
    function: &'static Pure,
    arguments: Vec<Option<Box<dyn Expression>>>,
}

impl FunctionExpression for Call {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            let value = argument.as_ref().map(|argument| argument.resolve(context));
            let value = value.transpose()?;
            if let Some(value) = &value {
                charge(value, context)?;
            }
            values.push(value);
        }
        values.reverse();
        (self.function.call)(Arguments(values))
    }

    fn type_def(&self, state: &TypeState) -> TypeDef {
        let first = self.arguments.first().and_then(Option::as_ref);
        let first = first.map_or_else(TypeDef::any, |first| first.type_def(state));
        (self.function.gives)(&first)
    }
}

/// The arguments of a call, taken in the order of the parameters.
pub(super) struct Arguments(Vec<Option<Value>>);

impl Arguments {
    /// The next one, if it is given.
    pub(super) fn optional(&mut self) -> Option<Value> {
        self.0.pop().flatten()
    }

    /// The next one. The compiler has seen to it that it is there.
    pub(super) fn value(&mut self) -> Value {
        self.optional().unwrap_or(Value::Null)
    }

    /// The next one, which is text.
    pub(super) fn text(&mut self) -> Result<String, ExpressionError> {
        let value = self.value();
        let text = value.to_str_lossy().map(|text| text.into_owned());
        text.ok_or_else(|| error("expected text"))
    }

    /// The next one, which is a whole number.
    pub(super) fn integer(&mut self) -> Result<i64, ExpressionError> {
        match self.value() {
            Value::Integer(number) => Ok(number),
            _ => Err(error("expected a whole number")),
        }
    }
}

/// A failure, which never quotes an argument.
pub(super) fn error(what: &str) -> ExpressionError {
    what.to_owned().into()
}
