//! Small pieces of syntax, built by hand.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    CaseWhen, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, Value,
};

/// `name(arguments)`
pub fn call(name: &str, arguments: Vec<Expr>) -> Function {
    let argument = |expression| FunctionArg::Unnamed(FunctionArgExpr::Expr(expression));
    Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    }
}

/// The same as an expression.
pub fn function(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(call(name, arguments))
}

/// A call by another name.
pub fn renamed(function: &Function, name: &str) -> Function {
    Function { name: call(name, vec![]).name, ..function.clone() }
}

/// A call by another name with other arguments; its DISTINCT, FILTER and the like stay.
pub fn with(function: &Function, name: &str, arguments: Vec<Expr>) -> Expr {
    let mut args = call("", arguments).args;
    if let (FunctionArguments::List(new), FunctionArguments::List(old)) = (&mut args, &function.args) {
        new.duplicate_treatment = old.duplicate_treatment;
    }
    Expr::Function(Function { args, ..renamed(function, name) })
}

/// The arguments of a call, where they are plain expressions.
pub fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return Some(vec![]) };
    let plain = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

/// `NULL`
pub fn null() -> Expr {
    Expr::Value(Value::Null.with_empty_span())
}

/// `true` or `false`
pub fn boolean(value: bool) -> Expr {
    Expr::Value(Value::Boolean(value).with_empty_span())
}

/// The type DOUBLE.
pub fn double() -> DataType {
    DataType::Double(ExactNumberInfo::None)
}

/// `'text'`
pub fn text(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.into()).with_empty_span())
}

/// A number as it is written.
pub fn number(number: &str) -> Expr {
    Expr::Value(Value::Number(number.into(), false).with_empty_span())
}

/// `CASE WHEN condition THEN yes ELSE no END`
pub fn case(condition: Expr, yes: Expr, no: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: yes }],
        else_result: no.map(Box::new),
    }
}

/// `CAST(expression AS kind)`
pub fn cast(expression: Expr, kind: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expression),
        data_type: kind,
        array: false,
        format: None,
    }
}
