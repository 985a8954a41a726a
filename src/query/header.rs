//! What a query file says about its inputs, in comments: `-- table: categories = 'categories.csv'` and
//! `-- schema: clicks = id STRING, at TIMESTAMP`.

/// The definitions in a query's comments, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Tables, as `name = place`.
    pub tables: Vec<String>,
    /// Columns of topics, as `topic = columns`.
    pub schemas: Vec<String>,
}

impl Header {
    /// Reads the lines before the first that is neither a comment nor empty.
    pub fn of(sql: &str) -> Self {
        let mut header = Self::default();
        let comments =
            sql.lines().map(str::trim).take_while(|line| line.is_empty() || line.starts_with("--"));
        for line in comments.map(|line| line.trim_start_matches('-').trim()) {
            if let Some(table) = line.strip_prefix("table:") {
                header.tables.push(table.trim().into());
            } else if let Some(schema) = line.strip_prefix("schema:") {
                header.schemas.push(schema.trim().into());
            }
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_stand_in_the_first_comments() {
        let header =
            Header::of("-- Sales\n\n-- table: c = 'c.csv'\n--schema: t = a INT\nSELECT 1 -- table: x = y");
        assert_eq!(header.tables, ["c = 'c.csv'"]);
        assert_eq!(header.schemas, ["t = a INT"]);
    }
}
