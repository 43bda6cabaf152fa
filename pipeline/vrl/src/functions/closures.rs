//! Functions that are more than what they give: `exists` looks at a path, the others run a closure for
//! each of what there is.

use vrl::compiler::function::{
    ArgumentList, Closure, Compiled, Example, FunctionCompileContext, closure,
};
use vrl::compiler::state::TypeState;
use vrl::compiler::value::kind::{ANY, ARRAY, OBJECT};
use vrl::compiler::{
    Context, Expression, ExpressionError, Function, FunctionExpression, Parameter, Resolved,
    TypeDef, expression,
};
use vrl::value::kind::Collection;
use vrl::value::{Kind, Value};

use crate::bounds::charge;

pub(super) fn all() -> [Box<dyn Function>; 4] {
    [
        Box::new(Exists),
        Box::new(Loop::ForEach),
        Box::new(Loop::MapValues),
        Box::new(Loop::Filter),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Exists;

impl Function for Exists {
    fn identifier(&self) -> &'static str {
        "exists"
    }
    fn usage(&self) -> &'static str {
        "Whether there is such a field, be it null."
    }
    fn category(&self) -> &'static str {
        "Plumbline"
    }
    fn return_kind(&self) -> u16 {
        vrl::compiler::value::kind::BOOLEAN
    }
    fn examples(&self) -> &'static [Example] {
        &[]
    }
    fn parameters(&self) -> &'static [Parameter] {
        const FIELD: &[Parameter] = &[Parameter::required("field", ANY, "")];
        FIELD
    }
    fn compile(
        &self,
        _state: &TypeState,
        _context: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        let query = arguments.required_query("field")?;
        Ok(ExistsCall { query }.as_expr())
    }
}

#[derive(Clone, Debug)]
struct ExistsCall {
    query: expression::Query,
}

impl FunctionExpression for ExistsCall {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let query = &self.query;
        let exists = if let Some(path) = query.external_path() {
            context.target().target_get(path).ok().flatten().is_some()
        } else if let Some(name) = query.variable_ident() {
            let variable = context.state().variable(name);
            variable.is_some_and(|value| value.get(query.path()).is_some())
        } else if let Some(value) = query.expression_target() {
            value.resolve(context)?.get(query.path()).is_some()
        } else {
            false
        };
        Ok(exists.into())
    }
    fn type_def(&self, _: &TypeState) -> TypeDef {
        TypeDef::boolean()
    }
}

/// A function that runs a closure for each element or member of a value.
#[derive(Clone, Copy, Debug)]
enum Loop {
    ForEach,
    MapValues,
    Filter,
}

impl Function for Loop {
    fn identifier(&self) -> &'static str {
        match self {
            Self::ForEach => "for_each",
            Self::MapValues => "map_values",
            Self::Filter => "filter",
        }
    }
    fn usage(&self) -> &'static str {
        "Runs a closure for each of what there is."
    }
    fn category(&self) -> &'static str {
        "Plumbline"
    }
    fn return_kind(&self) -> u16 {
        ANY
    }
    fn examples(&self) -> &'static [Example] {
        &[]
    }
    fn parameters(&self) -> &'static [Parameter] {
        const VALUE: &[Parameter] = &[Parameter::required("value", OBJECT | ARRAY, "")];
        VALUE
    }
    fn closure(&self) -> Option<closure::Definition> {
        use closure::{Definition, Input, Output, Variable, VariableKind};

        let key = || Variable {
            kind: VariableKind::TargetInnerKey,
        };
        let value = || Variable {
            kind: VariableKind::TargetInnerValue,
        };
        Some(Definition {
            inputs: vec![Input {
                parameter_keyword: "value",
                kind: Kind::object(Collection::any()).or_array(Collection::any()),
                variables: match self {
                    Self::MapValues => vec![value()],
                    Self::ForEach | Self::Filter => vec![key(), value()],
                },
                output: Output::Kind(match self {
                    Self::Filter => Kind::boolean(),
                    Self::ForEach | Self::MapValues => Kind::any(),
                }),
                example: vrl::example! {
                    title: "each",
                    source: "for_each([1, 2]) -> |_index, value| { . = value }",
                    result: Ok("null"),
                },
            }],
            is_iterator: true,
            supports_break: matches!(self, Self::ForEach),
        })
    }
    fn compile(
        &self,
        _state: &TypeState,
        _context: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        let call = LoopCall {
            which: *self,
            value: arguments.required("value"),
            closure: arguments.required_closure()?,
        };
        Ok(call.as_expr())
    }
}

#[derive(Clone, Debug)]
struct LoopCall {
    which: Loop,
    value: Box<dyn Expression>,
    closure: Closure,
}

impl FunctionExpression for LoopCall {
    fn resolve(&self, context: &mut Context) -> Resolved {
        let value = self.value.resolve(context)?;
        charge(&value, context)?;
        let block = &self.closure.block;
        let runner =
            closure::Runner::new(&self.closure.variables, |context| block.resolve(context));
        match self.which {
            Loop::ForEach => for_each(value, context, &runner),
            Loop::MapValues => map_values(value, context, &runner),
            Loop::Filter => filter(value, context, &runner),
        }
    }
    fn type_def(&self, state: &TypeState) -> TypeDef {
        match self.which {
            Loop::ForEach => TypeDef::null(),
            Loop::MapValues => {
                let given = self.value.type_def(state);
                let made = Kind::any();
                match given.kind().is_array() {
                    true => TypeDef::array(Collection::from_unknown(made)),
                    false => TypeDef::any(),
                }
            }
            Loop::Filter => match self.value.type_def(state).kind().is_array() {
                true => TypeDef::array(Collection::any()),
                false => TypeDef::any(),
            },
        }
    }
}

fn for_each<T>(value: Value, context: &mut Context, runner: &closure::Runner<T>) -> Resolved
where
    T: Fn(&mut Context) -> Resolved,
{
    let mut scope = runner.scoped_loop(context);
    let run = |ran: Resolved| match ran {
        Ok(_) => Ok(true),
        Err(ExpressionError::Break { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    match value {
        Value::Array(items) => {
            for (index, item) in items.into_iter().enumerate() {
                if !run(scope.run_index_value(index, item))? {
                    break;
                }
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if !run(scope.run_key_value(name, member))? {
                    break;
                }
            }
        }
        _ => {}
    }
    Ok(Value::Null)
}

fn map_values<T>(mut value: Value, context: &mut Context, runner: &closure::Runner<T>) -> Resolved
where
    T: Fn(&mut Context) -> Resolved,
{
    match &mut value {
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|item| runner.map_value(context, item))?,
        Value::Object(members) => members
            .values_mut()
            .try_for_each(|member| runner.map_value(context, member))?,
        _ => {}
    }
    Ok(value)
}

fn filter<T>(value: Value, context: &mut Context, runner: &closure::Runner<T>) -> Resolved
where
    T: Fn(&mut Context) -> Resolved,
{
    let stays = |ran: Resolved| ran.map(|it| it == Value::Boolean(true));
    Ok(match value {
        Value::Array(items) => {
            let mut left = Vec::new();
            let mut scope = runner.scoped_loop(context);
            for (index, item) in items.into_iter().enumerate() {
                if stays(scope.run_index_value(index, item.clone()))? {
                    left.push(item);
                }
            }
            Value::Array(left)
        }
        Value::Object(members) => {
            let mut left = vrl::value::ObjectMap::new();
            let mut scope = runner.scoped_loop(context);
            for (name, member) in members {
                if stays(scope.run_key_value(name.clone(), member.clone()))? {
                    left.insert(name, member);
                }
            }
            Value::Object(left)
        }
        other => other,
    })
}
