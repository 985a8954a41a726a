//! A derived amount, worked out where a record is judged: arithmetic over the record's numbers, a part of
//! the SQL in which the catalog declares derived columns.

/// What a formula needs of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// A constant.
    Number(f64),
    /// The column at a position.
    Column(usize),
    /// The first value, or the second where the first is null.
    Coalesce(Box<[Self; 2]>),
    /// Two values; null where one of them is.
    Operation(Operator, Box<[Self; 2]>),
}

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// +
    Plus,
    /// -
    Minus,
    /// *
    Times,
    /// /
    Over,
}

impl Formula {
    /// Reads `price * quantity - coalesce(discount, 0)`; `column` gives the position of a name. `None` where
    /// the text is more than arithmetic, or names what is no column.
    pub fn parse(sql: &str, column: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        let mut parser = Parser { rest: sql, column };
        let formula = parser.sum()?;
        parser.rest.trim().is_empty().then_some(formula)
    }

    /// Its value where `number` gives the numbers of columns; null where it cannot be known.
    #[inline]
    pub fn value(&self, number: &impl Fn(usize) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Column(index) => number(*index),
            Self::Coalesce(values) => values[0].value(number).or_else(|| values[1].value(number)),
            Self::Operation(operator, values) => {
                let (left, right) = (values[0].value(number)?, values[1].value(number)?);
                Some(match operator {
                    Operator::Plus => left + right,
                    Operator::Minus => left - right,
                    Operator::Times => left * right,
                    Operator::Over => left / right,
                })
            }
        }
    }

    /// Whether `holds` is true of a column in it.
    pub fn any(&self, holds: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Column(index) => holds(*index),
            Self::Coalesce(parts) | Self::Operation(_, parts) => parts.iter().any(|part| part.any(holds)),
        }
    }
}

struct Parser<'a, F> {
    rest: &'a str,
    column: F,
}

impl<F: Fn(&str) -> Option<usize>> Parser<'_, F> {
    fn take(&mut self, symbol: &str) -> bool {
        let found = self.rest.trim_start().strip_prefix(symbol);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    fn operator(&mut self, operators: [(&str, Operator); 2]) -> Option<Operator> {
        operators.into_iter().find(|(symbol, _)| self.take(symbol)).map(|(_, operator)| operator)
    }

    fn sum(&mut self) -> Option<Formula> {
        let mut left = self.product()?;
        while let Some(operator) = self.operator([("+", Operator::Plus), ("-", Operator::Minus)]) {
            left = Formula::Operation(operator, Box::new([left, self.product()?]));
        }
        Some(left)
    }

    fn product(&mut self) -> Option<Formula> {
        let mut left = self.value()?;
        while let Some(operator) = self.operator([("*", Operator::Times), ("/", Operator::Over)]) {
            left = Formula::Operation(operator, Box::new([left, self.value()?]));
        }
        Some(left)
    }

    fn value(&mut self) -> Option<Formula> {
        if self.take("(") {
            let inside = self.sum()?;
            return self.take(")").then_some(inside);
        }
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.')).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.parse().ok().map(Formula::Number);
        }
        if !word.eq_ignore_ascii_case("coalesce") {
            return (self.column)(word).map(Formula::Column);
        }
        let first = if self.take("(") { self.sum()? } else { return None };
        let second = if self.take(",") { self.sum()? } else { return None };
        self.take(")").then(|| Formula::Coalesce(Box::new([first, second])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(sql: &str, numbers: [Option<f64>; 3]) -> Option<Option<f64>> {
        let formula = Formula::parse(sql, |name| ["a", "b", "c"].iter().position(|column| *column == name));
        formula.map(|formula| formula.value(&|index| numbers[index]))
    }

    #[test]
    fn arithmetic_is_worked_out_as_in_sql() {
        let numbers = [Some(9.5), Some(2.0), None];
        for (sql, expected) in [
            ("a * b - coalesce(c, 0)", Some(19.0)),
            ("a*b-COALESCE(c,1.5)", Some(17.5)),
            ("a - b - 1", Some(6.5)),
            ("a / (b + 2)", Some(2.375)),
            ("a + c", None),
            ("coalesce(c, c)", None),
        ] {
            assert_eq!(value(sql, numbers), Some(expected), "{sql}");
        }
    }

    #[test]
    fn what_is_not_arithmetic_is_left_alone() {
        for sql in ["", "a +", "d", "round(a)", "a b", "(a", "coalesce(a)", "CASE WHEN a > 0 THEN 1 END"] {
            assert_eq!(value(sql, [Some(1.0); 3]), None, "{sql}");
        }
    }
}
