//! Whether an expression asks only for what there is, and for something that can be true.
//!
//! CEL itself finds out while it evaluates. A rule with a typing error would then never apply, and
//! nobody would know.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};

use super::kind::{Fields, Kind, VARIABLES};

/// What is known of an expression that is right.
pub(super) struct Found {
    /// Whether it depends on the event at all.
    pub(super) uses_variables: bool,
}

/// Functions that are called on a text, and those that make something of something.
const OF_TEXT: [&str; 3] = ["contains", "startsWith", "endsWith"];
const FUNCTIONS: [(&str, Kind); 7] = [
    ("size", Kind::Number),
    ("int", Kind::Number),
    ("uint", Kind::Number),
    ("double", Kind::Number),
    ("string", Kind::Text),
    ("bool", Kind::Truth),
    ("dyn", Kind::Any),
];

type Checked = Result<Kind, String>;

/// Checks an expression that is to be a condition.
pub(super) fn check(expression: &IdedExpr) -> Result<Found, String> {
    let mut checker = Checker {
        bound: Vec::new(),
        uses_variables: false,
    };
    checker.truth(expression)?;
    Ok(Found {
        uses_variables: checker.uses_variables,
    })
}

struct Checker<'e> {
    /// Names that the expression itself binds, the innermost last.
    bound: Vec<(&'e str, Kind)>,
    uses_variables: bool,
}

impl<'e> Checker<'e> {
    /// Something that is to be true or false.
    fn truth(&mut self, expression: &'e IdedExpr) -> Checked {
        let kind = self.kind(expression)?;
        match kind {
            Kind::Any | Kind::Truth => Ok(Kind::Truth),
            other => Err(format!(
                "{} is {} and no condition; compare it with something",
                shown(expression),
                other.name()
            )),
        }
    }

    fn kind(&mut self, expression: &'e IdedExpr) -> Checked {
        match &expression.expr {
            Expr::Literal(literal) => Ok(literal_kind(literal)),
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                let of = self.kind(&select.operand)?;
                let found = field(of, &select.operand, &select.field)?;
                Ok(if select.test { Kind::Truth } else { found })
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                for element in &list.elements {
                    self.kind(element)?;
                }
                Ok(Kind::List(&Kind::Any))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            // Nothing that is known of an event is put together anew for a condition.
            Expr::Map(_) | Expr::Struct(_) => Ok(Kind::Any),
            Expr::Unspecified => Err("is empty; write a condition".to_owned()),
        }
    }

    fn variable(&mut self, name: &str) -> Checked {
        let bound = self.bound.iter().rev().find(|(bound, _)| *bound == name);
        if let Some((_, kind)) = bound {
            return Ok(*kind);
        }
        self.uses_variables = true;
        named(VARIABLES, name)
            .ok_or_else(|| format!("there is no `{name}`; possible are {}", listed(VARIABLES)))
    }

    fn call(&mut self, call: &'e CallExpr) -> Checked {
        let operands: Vec<&'e IdedExpr> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect();
        match (call.func_name.as_str(), operands.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, operands) => {
                for operand in operands {
                    self.truth(operand)?;
                }
                Ok(Kind::Truth)
            }
            (operators::NOT_STRICTLY_FALSE, [operand]) => self.truth(operand),
            (operators::CONDITIONAL, [condition, then, otherwise]) => {
                self.truth(condition)?;
                let (then, otherwise) = (self.kind(then)?, self.kind(otherwise)?);
                Ok(if then.can_equal(otherwise) {
                    then
                } else {
                    Kind::Any
                })
            }
            (operators::INDEX, [of, index]) => self.index(of, index),
            (operators::IN, [item, list]) => self.contained(item, list),
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS,
                [left, right],
            ) => self.compared(left, right),
            (
                operators::ADD
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO
                | operators::NEGATE,
                operands,
            ) => {
                let mut of = Kind::Any;
                for operand in operands {
                    of = self.kind(operand)?;
                }
                Ok(of)
            }
            (name, operands) => self.function(name, operands),
        }
    }

    fn function(&mut self, name: &str, operands: &[&'e IdedExpr]) -> Checked {
        let mut kinds = Vec::with_capacity(operands.len());
        for operand in operands {
            kinds.push(self.kind(operand)?);
        }
        if OF_TEXT.contains(&name) {
            return match kinds.first() {
                Some(Kind::Any | Kind::Text | Kind::Word(_)) => Ok(Kind::Truth),
                Some(Kind::List(_)) => Err(format!(
                    "`{name}` is for text, not for a list; write \"x\" in {}",
                    shown(operands[0])
                )),
                of => Err(format!(
                    "`{name}` is for text, not for {}; call it on text",
                    of.map_or("nothing", |kind| kind.name())
                )),
            };
        }
        let known = FUNCTIONS.iter().find(|(known, _)| *known == name);
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<&str> = OF_TEXT.into_iter().chain(FUNCTIONS.map(|(name, _)| name)).collect();
            format!(
                "there is no function `{name}`; possible are {}, has, exists, all, exists_one, filter, map",
                names.join(", ")
            )
        })
    }

    fn index(&mut self, of: &'e IdedExpr, index: &'e IdedExpr) -> Checked {
        let kind = self.kind(of)?;
        self.kind(index)?;
        match (kind, word_of(index)) {
            (Kind::Record(_), Some(name)) => field(kind, of, name),
            (Kind::List(element), _) => Ok(*element),
            _ => Ok(Kind::Any),
        }
    }

    fn compared(&mut self, left: &'e IdedExpr, right: &'e IdedExpr) -> Checked {
        let (a, b) = (self.kind(left)?, self.kind(right)?);
        if !a.can_equal(b) {
            return Err(format!(
                "{} is compared with {}; write the same kind of value on both sides",
                a.name(),
                b.name()
            ));
        }
        possible(a, right)?;
        possible(b, left)?;
        Ok(Kind::Truth)
    }

    fn contained(&mut self, item: &'e IdedExpr, list: &'e IdedExpr) -> Checked {
        let (kind, of) = (self.kind(item)?, self.kind(list)?);
        match of {
            Kind::Any => {}
            Kind::List(element) if element.can_equal(kind) => possible(*element, item)?,
            _ => {
                return Err(format!(
                    "{} is looked for in {}; write a list after `in`",
                    kind.name(),
                    of.name()
                ));
            }
        }
        if let Expr::List(list) = &list.expr {
            for element in &list.elements {
                possible(kind, element)?;
            }
        }
        Ok(Kind::Truth)
    }

    /// `exists`, `all`, `filter` and their like. What has fields has no order, so that only lists are
    /// gone through: the same log must give the same answer.
    fn comprehension(&mut self, comprehension: &'e ComprehensionExpr) -> Checked {
        let range = self.kind(&comprehension.iter_range)?;
        let Kind::List(element) = range else {
            let range = shown(&comprehension.iter_range);
            return Err(format!(
                "only a list can be gone through, and {range} is none; write findings or another list"
            ));
        };
        let result = self.kind(&comprehension.accu_init)?;
        let outside = self.bound.len();
        self.bound.push((&comprehension.accu_var, result));
        self.bound.push((&comprehension.iter_var, *element));
        self.kind(&comprehension.loop_cond)?;
        self.kind(&comprehension.loop_step)?;
        self.bound.truncate(outside + 1);
        let result = self.kind(&comprehension.result);
        self.bound.truncate(outside);
        result
    }
}

fn literal_kind(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Truth,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Kind::Number,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::Bytes(_) | LiteralValue::Null => Kind::Any,
    }
}

fn field(of: Kind, operand: &IdedExpr, name: &str) -> Checked {
    let (owner, help) = match of {
        Kind::Any => return Ok(Kind::Any),
        Kind::Record(fields) => match named(fields, name) {
            Some(kind) => return Ok(kind),
            None => (
                record_name(operand),
                format!("possible are {}", listed(fields)),
            ),
        },
        other => (other.name().to_owned(), "it has no fields".to_owned()),
    };
    Err(format!("there is no `{name}` in {owner}; {help}"))
}

/// The records that no variable is are those of `findings`.
fn record_name(operand: &IdedExpr) -> String {
    match &operand.expr {
        Expr::Ident(name) if named(VARIABLES, name).is_some() => name.clone(),
        _ => "a finding".to_owned(),
    }
}

/// Whether something with few possible words is compared with one of them.
fn possible(kind: Kind, with: &IdedExpr) -> Result<(), String> {
    let (Kind::Word(words), Some(word)) = (kind, word_of(with)) else {
        return Ok(());
    };
    let words = words();
    if words.contains(&word) {
        return Ok(());
    }
    let words = words.join(", ");
    Err(format!(
        "`{}` is never its value; possible are {words}",
        word.replace("; ", ", ")
    ))
}

fn word_of(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(word)) => Some(word.inner()),
        _ => None,
    }
}

fn named(fields: Fields, name: &str) -> Option<Kind> {
    let found = fields.iter().find(|(field, _)| *field == name);
    found.map(|(_, kind)| *kind)
}

fn listed(fields: Fields) -> String {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// A part of the expression as it was written, where that is short.
fn shown(expression: &IdedExpr) -> String {
    match &expression.expr {
        Expr::Ident(name) => format!("`{name}`"),
        Expr::Select(select) => match &select.operand.expr {
            Expr::Ident(of) => format!("`{of}.{}`", select.field),
            _ => format!("`{}`", select.field),
        },
        _ => "it".to_owned(),
    }
}
