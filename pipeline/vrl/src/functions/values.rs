//! Functions of values of any type.

use vrl::compiler::value::kind::{ANY, ARRAY, BYTES, FLOAT, INTEGER, OBJECT};
use vrl::compiler::{ExpressionError, Parameter, Resolved, TypeDef};
use vrl::prelude::NotNan;
use vrl::value::Value;
use vrl::value::kind::Collection;

use super::pure::{Arguments, Pure, error};

const VALUE: &[Parameter] = &[Parameter::required("value", ANY, "")];
const NUMBERS: &[Parameter] = &[
    Parameter::required("a", INTEGER | FLOAT, ""),
    Parameter::required("b", INTEGER | FLOAT, ""),
];

/// Whether it may be what has no meaning as a word or a number.
fn holds_others(kind: &TypeDef) -> bool {
    kind.contains_array() || kind.contains_object() || kind.contains_regex()
}

fn boolean(_: &TypeDef) -> TypeDef {
    TypeDef::boolean()
}

macro_rules! is {
    ($name:literal, $pattern:pat) => {
        Pure {
            name: $name,
            parameters: VALUE,
            gives: boolean,
            call: |mut given| Ok(matches!(given.value(), $pattern).into()),
        }
    };
}

/// The value itself, if it is of that type.
macro_rules! only {
    ($name:literal, $pattern:pat, $gives:expr, $is:ident, $expected:literal) => {
        Pure {
            name: $name,
            parameters: VALUE,
            gives: |first| $gives.maybe_fallible(!first.$is()),
            call: |mut given| match given.value() {
                value @ $pattern => Ok(value),
                _ => Err(error(concat!("expected ", $expected))),
            },
        }
    };
}

macro_rules! pure {
    ($name:literal, $parameters:expr, $gives:expr, $call:expr) => {
        Pure {
            name: $name,
            parameters: $parameters,
            gives: $gives,
            call: $call,
        }
    };
}

pub(super) const ALL: &[Pure] = &[
    is!("is_null", Value::Null),
    is!("is_string", Value::Bytes(_) | Value::String(_)),
    is!("is_integer", Value::Integer(_)),
    is!("is_float", Value::Float(_)),
    is!("is_boolean", Value::Boolean(_)),
    is!("is_array", Value::Array(_)),
    is!("is_object", Value::Object(_)),
    only!(
        "string",
        Value::Bytes(_) | Value::String(_),
        TypeDef::bytes(),
        is_bytes,
        "text"
    ),
    only!(
        "int",
        Value::Integer(_),
        TypeDef::integer(),
        is_integer,
        "a whole number"
    ),
    only!(
        "float",
        Value::Float(_),
        TypeDef::float(),
        is_float,
        "a number with a fraction"
    ),
    only!(
        "bool",
        Value::Boolean(_),
        TypeDef::boolean(),
        is_boolean,
        "true or false"
    ),
    only!(
        "array",
        Value::Array(_),
        TypeDef::array(Collection::any()),
        is_array,
        "a list"
    ),
    only!(
        "object",
        Value::Object(_),
        TypeDef::object(Collection::any()),
        is_object,
        "an object"
    ),
    pure!(
        "to_string",
        VALUE,
        |first| TypeDef::bytes().maybe_fallible(holds_others(first)),
        to_string
    ),
    pure!(
        "to_int",
        VALUE,
        |first| TypeDef::integer().maybe_fallible(first.contains_bytes() || holds_others(first)),
        to_int
    ),
    pure!(
        "to_float",
        VALUE,
        |first| TypeDef::float().maybe_fallible(first.contains_bytes() || holds_others(first)),
        to_float
    ),
    pure!(
        "to_bool",
        VALUE,
        |first| {
            let fails = first.contains_bytes() || first.contains_timestamp();
            TypeDef::boolean().maybe_fallible(fails || holds_others(first))
        },
        to_bool
    ),
    pure!("is_nullish", VALUE, boolean, |mut given| {
        Ok(is_nullish(&given.value()).into())
    }),
    pure!(
        "length",
        &[Parameter::required("value", BYTES | ARRAY | OBJECT, "")],
        |_| TypeDef::integer(),
        |mut given| match given.value() {
            Value::Array(items) => Ok(Value::from(items.len())),
            Value::Object(members) => Ok(Value::from(members.len())),
            value => Ok(Value::from(
                value.to_str_lossy().map_or(0, |text| text.len())
            )),
        }
    ),
    pure!(
        "includes",
        &[
            Parameter::required("value", ARRAY, ""),
            Parameter::required("item", ANY, ""),
        ],
        boolean,
        |mut given| {
            let items = list(given.value())?;
            Ok(items.contains(&given.value()).into())
        }
    ),
    pure!(
        "push",
        &[
            Parameter::required("value", ARRAY, ""),
            Parameter::required("item", ANY, ""),
        ],
        |_| TypeDef::array(Collection::any()),
        |mut given| {
            let mut items = list(given.value())?;
            items.push(given.value());
            Ok(Value::Array(items))
        }
    ),
    pure!(
        "values",
        &[Parameter::required("value", OBJECT, "")],
        |_| TypeDef::array(Collection::any()),
        |mut given| match given.value() {
            Value::Object(members) => Ok(Value::Array(members.into_values().collect())),
            _ => Err(error("expected an object")),
        }
    ),
    pure!(
        "multiply",
        NUMBERS,
        |_| TypeDef::integer().or_float().fallible(),
        multiply
    ),
];

fn list(value: Value) -> Result<Vec<Value>, ExpressionError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(error("expected a list")),
    }
}

fn is_nullish(value: &Value) -> bool {
    match value {
        Value::Null => true,
        value => value.to_str_lossy().is_some_and(|text| {
            let text = text.trim();
            text.is_empty() || text == "-"
        }),
    }
}

fn to_string(mut given: Arguments) -> Resolved {
    Ok(match given.value() {
        text @ (Value::Bytes(_) | Value::String(_)) => text,
        Value::Integer(number) => number.to_string().into(),
        Value::Float(number) => number.to_string().into(),
        Value::Boolean(truth) => truth.to_string().into(),
        Value::Timestamp(time) => time.to_rfc3339().into(),
        Value::Null => "".into(),
        _ => return Err(error("a list or an object is no text")),
    })
}

fn to_int(mut given: Arguments) -> Resolved {
    let no = || error("no whole number");
    Ok(match given.value() {
        number @ Value::Integer(_) => number,
        Value::Float(number) if number.abs() < 9e18 => Value::Integer(number.into_inner() as i64),
        Value::Boolean(truth) => Value::Integer(truth.into()),
        Value::Timestamp(time) => time.timestamp().into(),
        Value::Null => Value::Integer(0),
        text => {
            let text = text.to_str_lossy().ok_or_else(no)?;
            let number: i64 = text.trim().parse().map_err(|_| no())?;
            Value::Integer(number)
        }
    })
}

fn to_float(mut given: Arguments) -> Resolved {
    let no = || error("no number");
    let number = match given.value() {
        number @ Value::Float(_) => return Ok(number),
        Value::Integer(number) => number as f64,
        Value::Boolean(truth) => f64::from(truth),
        Value::Null => 0.0,
        Value::Timestamp(time) => time.timestamp() as f64,
        text => {
            let text = text.to_str_lossy().ok_or_else(no)?;
            text.trim().parse().map_err(|_| no())?
        }
    };
    float(number)
}

fn float(number: f64) -> Resolved {
    let number = NotNan::new(number).ok().filter(|number| number.is_finite());
    Ok(Value::Float(number.ok_or_else(|| error("no number"))?))
}

fn to_bool(mut given: Arguments) -> Resolved {
    let truth = match given.value() {
        Value::Boolean(truth) => Some(truth),
        Value::Integer(number) => Some(number != 0),
        Value::Float(number) => Some(number.into_inner() != 0.0),
        Value::Null => Some(false),
        text => match text
            .to_str_lossy()
            .as_deref()
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("true" | "t" | "yes" | "y" | "1") => Some(true),
            Some("false" | "f" | "no" | "n" | "0") => Some(false),
            _ => None,
        },
    };
    truth
        .map(Value::Boolean)
        .ok_or_else(|| error("neither true nor false"))
}

fn multiply(mut given: Arguments) -> Resolved {
    let (a, b) = (given.value(), given.value());
    let as_float = |value: &Value| match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(number.into_inner()),
        _ => None,
    };
    if let (Value::Integer(a), Value::Integer(b)) = (&a, &b) {
        let product = a
            .checked_mul(*b)
            .ok_or_else(|| error("too large a number"))?;
        return Ok(product.into());
    }
    match (as_float(&a), as_float(&b)) {
        (Some(a), Some(b)) => float(a * b),
        _ => Err(error("expected numbers")),
    }
}
