//! Each function and operator by an example, as Spark 4 answers it.

use super::{Now, parser_options, register};
use crate::query::error::{of_planning, reason};
use crate::query::parse;
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

/// The rows of a query, or what is wrong with it.
fn rows(sql: &str) -> Result<Vec<RecordBatch>, String> {
    let mut config = SessionConfig::new().with_target_partitions(1).with_enable_ansi_mode(true);
    config.options_mut().sql_parser = parser_options();
    let now = Now::default();
    now.set(1_753_610_889_012_345);
    let builder = SessionStateBuilder::new().with_config(config);
    let context = SessionContext::new_with_state(register(builder, &now).map_err(|e| e.to_string())?);
    let statement = parse::statement(sql).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let plan = context.state().statement_to_plan(statement).await;
        let plan = plan.map_err(|error| of_planning(error).to_string())?;
        let frame = context.execute_logical_plan(plan).await.map_err(|error| reason(&error))?;
        frame.collect().await.map_err(|error| reason(&error))
    })
}

/// The first value of the first row as text, and its type; a column named n has no null in it.
fn value(sql: &str) -> String {
    let batches = match rows(sql) {
        Ok(batches) => batches,
        Err(reason) => return reason,
    };
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return "no rows".into() };
    let options = FormatOptions::default().with_null("NULL");
    let formatter = ArrayFormatter::try_new(batch.column(0).as_ref(), &options).expect("a type with a form");
    let kind = super::spark_name(batch.column(0).data_type());
    format!("{} {kind}", formatter.value(0))
}

/// Over a row with columns of each kind, so that nothing is folded into a constant.
fn of(expression: &str) -> String {
    value(&format!(
        "SELECT {expression} FROM (SELECT 7 AS n, CAST(7 AS INT) AS i, 0 AS zero, CAST(2.5 AS DOUBLE) AS d, \
         'Hello World' AS s, CAST(NULL AS STRING) AS none, TIMESTAMP '2025-07-27 10:08:09.012345' AS t, \
         DATE '2025-07-27' AS day, array(1, 2, 3) AS l, map('a', '1', 'b', NULL) AS m, \
         named_struct('x', 1, 'y', 'z') AS st FROM VALUES (1), (2) AS v(k) WHERE k = 1) AS r"
    ))
}

#[track_caller]
fn all(examples: &[(&str, &str)]) {
    let wrong: Vec<_> = examples
        .iter()
        .map(|(sql, expected)| (sql, expected, of(sql)))
        .filter(|(_, expected, found)| *expected != found)
        .map(|(sql, expected, found)| format!("{sql}: {found}, not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[track_caller]
fn fails(examples: &[(&str, &str)]) {
    for (sql, part) in examples {
        let found = of(sql);
        assert!(found.contains(part), "{sql}: {found}");
    }
}

#[test]
fn arithmetic() {
    all(&[
        ("i + 1", "8 INT"),
        ("n * i", "49 BIGINT"),
        ("i / 2", "3.5 DOUBLE"),
        ("1 / 4", "0.25 DOUBLE"),
        ("i div 2", "3 BIGINT"),
        ("10 div 3 + 1", "4 BIGINT"),
        ("-7 % 4", "-3 INT"),
        ("d % 2", "0.5 DOUBLE"),
        ("d * 2", "5.0 DOUBLE"),
        ("mod(7, 4)", "3 INT"),
        ("pmod(-7, 4)", "1 BIGINT"),
        ("NULL / 0", "NULL DOUBLE"),
        ("try_divide(1, 0)", "NULL DOUBLE"),
        ("try_subtract(2, 1)", "1 BIGINT"),
        ("try_subtract(CAST(-2147483648 AS INT), CAST(1 AS INT))", "NULL INT"),
        ("try_multiply(2, 3)", "6 BIGINT"),
        ("try_multiply(CAST(-2147483648 AS INT), CAST(10 AS INT))", "NULL INT"),
        ("try_mod(3, 2)", "1 BIGINT"),
        ("try_mod(2, 0)", "NULL BIGINT"),
        ("try_add(2147483647, 1)", "2147483648 BIGINT"),
        ("try_add(CAST(2147483647 AS INT), CAST(1 AS INT))", "NULL INT"),
        ("abs(-3)", "3 BIGINT"),
        ("round(2.5)", "3.0 DOUBLE"),
        ("round(-2.5)", "-3.0 DOUBLE"),
        ("round(2.345, 2)", "2.35 DOUBLE"),
        ("floor(2.7)", "2 BIGINT"),
        ("ceil(2.1)", "3 BIGINT"),
        ("greatest(1, NULL, 3)", "3 INT"),
        ("least(1, NULL, 3)", "1 INT"),
        ("log(d - 1.5)", "0.0 DOUBLE"),
        ("sign(-2.0)", "-1.0 DOUBLE"),
        ("sqrt(16)", "4.0 DOUBLE"),
        ("sqrt(-1)", "NaN DOUBLE"),
        ("ln(zero)", "NULL DOUBLE"),
        ("bround(d)", "2.0 DOUBLE"),
        ("'10' + 1", "11 BIGINT"),
        ("s > '5' AND '1.5' * d > 3", "true BOOLEAN"),
        ("cbrt(27.0)", "3.0 DOUBLE"),
        ("exp(0)", "1.0 DOUBLE"),
        ("log2(2)", "1.0 DOUBLE"),
        ("log10(10)", "1.0 DOUBLE"),
        ("factorial(5)", "120 BIGINT"),
        ("coalesce(i, 0)", "7 INT"),
        ("CASE WHEN i > 5 THEN 1 ELSE 0 END", "1 INT"),
        ("power(2, 10)", "1024.0 DOUBLE"),
    ]);
    fails(&[
        ("i / zero", "'/' by zero: try_divide"),
        ("n % zero", "'%' by zero: try_mod"),
        ("n div zero", "'div' by zero"),
        ("d / 0", "'/' by zero"),
        ("i + 2147483647", "'+' overflows INT"),
        ("n * 9223372036854775807", "'*' overflows BIGINT"),
        ("CAST(3000000000 AS INT)", "3000000000"),
    ]);
}

#[test]
fn casts() {
    all(&[
        ("CAST('12' AS INT)", "12 INT"),
        ("try_cast('twelve' AS INT)", "NULL INT"),
        ("CAST(2.9 AS INT)", "2 INT"),
        ("CAST(t AS STRING)", "2025-07-27 10:08:09.012345 STRING"),
        ("CAST(date_trunc('HOUR', t) AS STRING)", "2025-07-27 10:00:00 STRING"),
        ("CAST(day AS STRING)", "2025-07-27 STRING"),
        ("CAST(t AS BIGINT)", "1753610889 BIGINT"),
        ("CAST(1753610889 AS TIMESTAMP)", "2025-07-27T10:08:09 TIMESTAMP"),
        ("CAST('2025-07-27 10:08:09' AS TIMESTAMP)", "2025-07-27T10:08:09 TIMESTAMP"),
        ("CAST('2025-07-27T10:08:09Z' AS TIMESTAMP)", "2025-07-27T10:08:09 TIMESTAMP"),
        ("CAST(t AS DATE)", "2025-07-27 DATE"),
        ("CAST(1e10 AS STRING)", "1.0E10 STRING"),
        ("CAST(d AS STRING)", "2.5 STRING"),
        ("CAST(0.00001 AS STRING)", "1.0E-5 STRING"),
        ("CAST(true AS STRING)", "true STRING"),
        ("CAST('true' AS BOOLEAN)", "true BOOLEAN"),
        ("string(i)", "7 STRING"),
        ("int('7')", "7 INT"),
        ("bigint('7')", "7 BIGINT"),
        ("double('2.5')", "2.5 DOUBLE"),
        ("boolean('true')", "true BOOLEAN"),
        ("date('2025-07-27')", "2025-07-27 DATE"),
        ("timestamp('2025-07-27 10:08:09')", "2025-07-27T10:08:09 TIMESTAMP"),
        ("concat(t, '')", "2025-07-27 10:08:09.012345 STRING"),
    ]);
    fails(&[("CAST(s AS INT)", "'Hello World'"), ("CAST(s AS TIMESTAMP)", "Hello World")]);
}

#[test]
fn times() {
    all(&[
        ("year(t)", "2025 INT"),
        ("quarter(t)", "3 INT"),
        ("month(t)", "7 INT"),
        ("day(t)", "27 INT"),
        ("dayofmonth(day)", "27 INT"),
        ("dayofweek(t)", "1 INT"),
        ("weekday(t)", "6 INT"),
        ("dayofyear(t)", "208 INT"),
        ("weekofyear(t)", "30 INT"),
        ("hour(t)", "10 INT"),
        ("minute(t)", "8 INT"),
        ("second(t)", "9 INT"),
        ("extract(HOUR FROM t)", "10 INT"),
        ("date_format(t, 'yyyy-MM-dd HH:mm')", "2025-07-27 10:08 STRING"),
        ("to_timestamp('27/07/2025', 'dd/MM/yyyy')", "2025-07-27T00:00:00 TIMESTAMP"),
        ("to_timestamp('2025-07-27 10:08:09')", "2025-07-27T10:08:09 TIMESTAMP"),
        ("try_to_timestamp('never')", "NULL TIMESTAMP"),
        ("to_date('2025-07-27')", "2025-07-27 DATE"),
        ("to_date('27.07.2025', 'dd.MM.yyyy')", "2025-07-27 DATE"),
        ("to_date(t)", "2025-07-27 DATE"),
        ("unix_timestamp(t)", "1753610889 BIGINT"),
        ("unix_timestamp('2025-07-27', 'yyyy-MM-dd')", "1753574400 BIGINT"),
        ("unix_timestamp()", "1753610889 BIGINT"),
        ("from_unixtime(1753610889)", "2025-07-27 10:08:09 STRING"),
        ("from_unixtime(1753610889, 'HH:mm')", "10:08 STRING"),
        ("timestamp_millis(1753610889012)", "2025-07-27T10:08:09.012 TIMESTAMP"),
        ("current_timestamp()", "2025-07-27T10:08:09.012345 TIMESTAMP"),
        ("current_timestamp", "2025-07-27T10:08:09.012345 TIMESTAMP"),
        ("now()", "2025-07-27T10:08:09.012345 TIMESTAMP"),
        ("current_date()", "2025-07-27 DATE"),
        ("date_trunc('MINUTE', t)", "2025-07-27T10:08:00 TIMESTAMP"),
        ("date_add(day, 5)", "2025-08-01 DATE"),
        ("date_add(t, 1)", "2025-07-28 DATE"),
        ("date_format(day, 'EEEE')", "Sunday STRING"),
        ("dayname(t)", "Sun STRING"),
        ("monthname(DATE '2008-02-20')", "Feb STRING"),
        ("next_day(DATE '2015-01-14', 'TU')", "2015-01-20 DATE"),
        ("date_diff(DATE '2009-07-31', DATE '2009-07-30')", "1 INT"),
        ("timestamp_seconds(1230219000)", "2008-12-25T15:30:00 TIMESTAMP"),
        ("timestamp_micros(1230219000123123)", "2008-12-25T15:30:00.123123 TIMESTAMP"),
        ("to_unix_timestamp('2016-04-08', 'yyyy-MM-dd')", "1460073600 BIGINT"),
        ("t - TIMESTAMP '2025-07-27 10:00:00' > INTERVAL 5 MINUTES", "true BOOLEAN"),
        ("to_timestamp(1753610889)", "2025-07-27T10:08:09 TIMESTAMP"),
        ("date_sub(day, 27)", "2025-06-30 DATE"),
        ("datediff(DATE '2025-08-01', day)", "5 INT"),
        ("add_months(day, 1)", "2025-08-27 DATE"),
        ("last_day(day)", "2025-07-31 DATE"),
        ("timestampdiff(MINUTE, t, t + INTERVAL 90 SECONDS)", "1 BIGINT"),
        (
            "timestampdiff(MONTH, TIMESTAMP '2025-01-31 00:00:00', TIMESTAMP '2025-02-28 00:00:00')",
            "0 BIGINT",
        ),
        ("datediff(HOUR, t, t - INTERVAL 3 HOURS)", "-3 BIGINT"),
        ("timestampadd(MONTH, 1, TIMESTAMP '2025-01-31 00:00:00')", "2025-02-28T00:00:00 TIMESTAMP"),
        ("t - INTERVAL 2 MINUTES", "2025-07-27T10:06:09.012345 TIMESTAMP"),
        ("t - INTERVAL '2' MINUTE", "2025-07-27T10:06:09.012345 TIMESTAMP"),
        ("t - INTERVAL '2 minutes'", "2025-07-27T10:06:09.012345 TIMESTAMP"),
        ("t + INTERVAL 1 HOUR 30 MINUTES", "2025-07-27T11:38:09.012345 TIMESTAMP"),
        ("t + INTERVAL 1 DAY > t", "true BOOLEAN"),
        ("t > '2025-01-01'", "true BOOLEAN"),
    ]);
    fails(&[
        ("date_format(t, 'yyyy-ww')", "'w' counts weeks"),
        ("to_timestamp(s)", "'Hello World' is no time"),
        ("to_timestamp(s, 'yyyy')", "not a time of the form 'yyyy'"),
        ("timestampdiff(FORTNIGHT, t, t)", "unknown unit 'FORTNIGHT'"),
        ("t - INTERVAL 2", "a unit such as MINUTES"),
    ]);
}

#[test]
fn texts() {
    all(&[
        ("concat(s, '!')", "Hello World! STRING"),
        ("concat(s, none)", "NULL STRING"),
        ("s || '!'", "Hello World! STRING"),
        ("concat_ws('-', 'a', none, 'b')", "a-b STRING"),
        ("lower(s)", "hello world STRING"),
        ("ucase(s)", "HELLO WORLD STRING"),
        ("substring(s, 1, 5)", "Hello STRING"),
        ("substr(s, -5)", "World STRING"),
        ("substring(s FROM 7 FOR 2)", "Wo STRING"),
        ("length(s)", "11 INT"),
        ("char_length(s)", "11 INT"),
        ("trim('  a ')", "a STRING"),
        ("rtrim('    SparkSQL   ')", "    SparkSQL STRING"),
        ("ltrim('    SparkSQL')", "SparkSQL STRING"),
        ("replace(s, 'World', 'you')", "Hello you STRING"),
        ("split('a1b2c', '[0-9]')", "[a, b, c] List(Utf8)"),
        ("split('a,b,', ',')", "[a, b, ] List(Utf8)"),
        ("split('a,b,c', ',', 2)", "[a, b,c] List(Utf8)"),
        ("split('abc', '')", "[a, b, c] List(Utf8)"),
        ("split('a,b,c', ',')[1]", "b STRING"),
        ("regexp_extract('id-42', '([a-z]+)-([0-9]+)', 2)", "42 STRING"),
        ("regexp_extract('id', '([0-9]+)')", " STRING"),
        ("regexp_replace('a1b22', '\\\\d+', '<$0>')", "a<1>b<22> STRING"),
        ("s RLIKE '^H.*d$'", "true BOOLEAN"),
        ("s NOT RLIKE 'x'", "true BOOLEAN"),
        ("regexp_like(s, 'W')", "true BOOLEAN"),
        ("s LIKE 'Hello%'", "true BOOLEAN"),
        ("'50%' LIKE '50\\%'", "true BOOLEAN"),
        ("contains(s, 'o W')", "true BOOLEAN"),
        ("startswith(s, 'Hell')", "true BOOLEAN"),
        ("endswith(s, 'none')", "false BOOLEAN"),
        ("'it\\'s'", "it's STRING"),
        ("\"double\"", "double STRING"),
        ("upper(none)", "NULL STRING"),
        ("lpad('7', 3, '0')", "007 STRING"),
        ("rpad('hi', 5, '??')", "hi??? STRING"),
        ("translate('AaBbCc', 'abc', '123')", "A1B2C3 STRING"),
        ("rlike(s, '^Hell')", "true BOOLEAN"),
        ("initcap('heLLo wORLD-x')", "Hello World-x STRING"),
        ("locate('o', s, 6)", "8 INT"),
        ("locate('x', s)", "0 INT"),
        ("instr(s, 'World')", "7 INT"),
        ("reverse('abc')", "cba STRING"),
        ("repeat('ab', 2)", "abab STRING"),
    ]);
    fails(&[("s RLIKE '('", "no regular expression"), ("regexp_extract(s, 'a', 1)", "no group 1")]);
}

#[test]
fn conditions() {
    all(&[
        ("coalesce(none, s)", "Hello World STRING"),
        ("nvl(none, 'x')", "x STRING"),
        ("ifnull(none, 'x')", "x STRING"),
        ("nullif(n, 7)", "NULL BIGINT"),
        ("nvl2(none, 'a', 'b')", "b STRING"),
        ("if(i > 5, 'big', 'small')", "big STRING"),
        ("iff(i > 9, 'big', 'small')", "small STRING"),
        ("if(zero = 0, 0, n / zero)", "0.0 DOUBLE"),
        ("none <=> NULL", "true BOOLEAN"),
        ("equal_null(3, 3)", "true BOOLEAN"),
        ("equal_null(true, NULL)", "false BOOLEAN"),
        ("equal_null(none, NULL)", "true BOOLEAN"),
        ("i == 7", "true BOOLEAN"),
        ("!(i = 7)", "false BOOLEAN"),
        ("isnull(none)", "true BOOLEAN"),
        ("isnotnull(none)", "false BOOLEAN"),
        ("i BETWEEN 1 AND 7", "true BOOLEAN"),
        ("CASE i WHEN 7 THEN 'seven' ELSE 'other' END", "seven STRING"),
    ]);
}

#[test]
fn a_condition_keeps_the_next_from_failing() {
    let counted = |condition: &str| {
        value(&format!(
            "SELECT count(*) FROM VALUES (0, 'x'), (2, '4'), (1, NULL) AS v(k, s) WHERE {condition}"
        ))
    };
    assert_eq!(counted("k <> 0 AND 4 / k > 1"), "2 BIGINT");
    assert_eq!(counted("(k <> 0 AND s IS NOT NULL) AND (CAST(s AS INT) = 4 OR 1 % k = 5)"), "1 BIGINT");
    assert!(counted("4 / k > 1 AND k <> 0").contains("by zero"), "the first has none before it");
}

#[test]
fn hashes() {
    all(&[
        ("md5('Spark')", "8cde774d6f7333752ed72cacddb05126 STRING"),
        ("sha1('Spark')", "85f5955f4b27a9a4c2aab6ffe5d7189fc298b92c STRING"),
        ("sha2('Spark', 256)", "529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b STRING"),
        ("crc32('Spark')", "1557323817 BIGINT"),
        ("xxhash64('Spark')", "-4294468057691064905 BIGINT"),
        ("hash('Spark', CAST(123 AS INT), CAST(2 AS INT))", "-1321691492 INT"),
    ]);
}

#[test]
fn nested_values() {
    all(&[
        ("m['a']", "1 STRING"),
        ("m['b']", "NULL STRING"),
        ("m['c']", "NULL STRING"),
        ("element_at(m, 'a')", "1 STRING"),
        ("l[0]", "1 INT"),
        ("element_at(l, 1)", "1 INT"),
        ("element_at(l, -1)", "3 INT"),
        ("try_element_at(l, 9)", "NULL INT"),
        ("size(l)", "3 INT"),
        ("size(CAST(NULL AS ARRAY<INT>))", "NULL INT"),
        ("array_join(reverse(array('a', 'b')), '')", "ba STRING"),
        ("array_join(sort_array(array('b', 'a', 'c'), false), '')", "cba STRING"),
        ("get(l, 5)", "NULL INT"),
        ("map_contains_key(m, 'b')", "true BOOLEAN"),
        ("cardinality(m)", "2 INT"),
        ("array_contains(l, 2)", "true BOOLEAN"),
        ("array_join(array('a', 'b'), '-')", "a-b STRING"),
        ("map_keys(map('x', 1))", "[x] List(Utf8)"),
        ("map_keys(m)", "[a, b] List(Utf8)"),
        ("map_values(m)", "[1, NULL] List(Utf8)"),
        ("array_distinct(array(1, 2, 3, NULL, 3))", "[1, 2, 3, NULL] List(Int32, field: 'element')"),
        ("array_sort(array('b', 'd', NULL, 'c', 'a'))", "[a, b, c, d, NULL] List(Utf8, field: 'element')"),
        ("st.x", "1 INT"),
        ("st['y']", "z STRING"),
        ("to_json(struct(i, s AS name))", "{\"i\":7,\"name\":\"Hello World\"} STRING"),
        ("to_json(st)", "{\"x\":1,\"y\":\"z\"} STRING"),
        ("to_json(named_struct('t', t, 'none', none))", "{\"t\":\"2025-07-27T10:08:09.012Z\"} STRING"),
        ("to_json(m)", "{\"a\":\"1\"} STRING"),
        ("get_json_object('{\"a\":{\"b\":[1,{\"c\":\"x\"}]}}', '$.a.b[1].c')", "x STRING"),
        ("get_json_object('{\"a\":{\"b\":1}}', '$.a')", "{\"b\":1} STRING"),
        ("get_json_object('nothing', '$.a')", "NULL STRING"),
    ]);
    let json =
        |text: &str, schema: &str| format!("to_json(named_struct('v', from_json('{text}', '{schema}')))");
    for (text, schema, expected) in [
        (r#"{"a":1,"b":"x"}"#, "a INT, b STRING", r#"{"v":{"a":1,"b":"x"}}"#),
        (r#"{"a":1"#, "a INT", r#"{"v":{}}"#),
        ("[1]", "a INT", r#"{"v":{}}"#),
        ("null", "a INT", r#"{"v":{}}"#),
        ("  ", "a INT", "{}"),
        (r#"{"a":1} and more"#, "a INT", r#"{"v":{"a":1}}"#),
        (r#"{"a":"1","b":2}"#, "a INT, b STRING", r#"{"v":{"b":"2"}}"#),
        (
            r#"{"a":1.0,"b":{"x": 1, "y":[1, 2]}}"#,
            "a INT, b STRING",
            r#"{"v":{"b":"{\"x\":1,\"y\":[1,2]}"}}"#,
        ),
        (r#"{"a":3000000000,"b":true}"#, "a INT, b STRING", r#"{"v":{"b":"true"}}"#),
        (r#"{"a":1,"a":2}"#, "a INT NOT NULL", r#"{"v":{"a":2}}"#),
        (r#"{"a":1e2}"#, "a DOUBLE", r#"{"v":{"a":100.0}}"#),
        (r#"{"a":"1.5"}"#, "a DOUBLE", r#"{"v":{}}"#),
        (r#"{"a":"2025-07-27T10:08:09+02:00"}"#, "a TIMESTAMP", r#"{"v":{"a":"2025-07-27T08:08:09.000Z"}}"#),
        (r#"{"a":1753610889}"#, "a TIMESTAMP", r#"{"v":{"a":"2025-07-27T10:08:09.000Z"}}"#),
        (r#"{"a":"never"}"#, "a TIMESTAMP", r#"{"v":{}}"#),
        (
            r#"{"a":{"x":"bad","y":2},"b":true}"#,
            "a STRUCT<x: INT, y: INT>, b BOOLEAN",
            r#"{"v":{"a":{"y":2},"b":true}}"#,
        ),
        (r#"{"a":5}"#, "a STRUCT<x: INT>", r#"{"v":{}}"#),
        (
            r#"{"a":{"x":1,"y":"bad"},"b":{"z":null}}"#,
            "a MAP<STRING, INT>, b MAP<STRING, INT>",
            r#"{"v":{"b":{}}}"#,
        ),
        (r#"{"x":1,"y":2}"#, "MAP<STRING, INT>", r#"{"v":{"x":1,"y":2}}"#),
        (r#"{"x":1,"y":2}"#, "struct<x: BIGINT>", r#"{"v":{"x":1}}"#),
    ] {
        assert_eq!(of(&json(text, schema)), format!("{expected} STRING"), "{text} as {schema}");
    }
    assert_eq!(of("from_json(to_json(st), 'x INT, y STRING').y"), "z STRING");
    assert_eq!(of("from_json(none, 'a INT')"), "NULL Struct(\"a\": Int32)");
    fails(&[
        ("from_json(s, 'a TEXT')", "character 3: expected STRING, INT"),
        ("from_json(s, s)", "from_json takes its schema as a text"),
        ("from_json(s, 'a ARRAY<INT>')", "expected STRING"),
    ]);
    fails(&[("l[3]", "no element 3"), ("element_at(l, 0)", "no element 0")]);
}

#[test]
fn approximate_aggregates_are_as_exact_as_they_are_asked_to_be_or_refused() {
    all(&[
        ("approx_count_distinct(n, 0.05)", "1 BIGINT"),
        ("approx_percentile(n, 0.5, 10000)", "7.0 DOUBLE"),
        ("percentile_approx(n, array(0.0, 1.0), 1)", "[7.0, 7.0] List(Float64, field: 'element')"),
    ]);
    fails(&[
        (
            "approx_count_distinct(n, 0.005)",
            "relative error of 0.008125, and cannot have 0.005: count(DISTINCT …) is exact",
        ),
        ("approx_count_distinct(n, 'all')", "is a number, such as 0.05"),
        ("approx_percentile(n, 0.5, 0)", "accuracy of approx_percentile is a whole number from 1 to 10000"),
        ("percentile_approx(n, 0.5, 1000000)", "from 1 to 10000: percentile(…) is exact"),
        ("percentile_approx(n, 0.5, n)", "is a whole number"),
    ]);
}

#[test]
fn columns_without_a_name_are_called_as_they_are_written() {
    let name = |sql: &str| {
        let sql = format!("SELECT {sql} FROM VALUES (1, named_struct('b', 2)) AS v(k, a)");
        rows(&sql).map(|rows| rows[0].schema().field(0).name().clone())
    };
    assert_eq!(name("k + 1").as_deref(), Ok("k + 1"));
    assert_eq!(name("sum(k)").as_deref(), Ok("sum(k)"));
    assert_eq!(name("a.b").as_deref(), Ok("b"));
    assert_eq!(name("v.k").as_deref(), Ok("k"));
    assert_eq!(name("approx_count_distinct(k)").as_deref(), Ok("approx_count_distinct(k)"));
}

/// The functions of the documentation's table.
fn documented() -> Vec<&'static str> {
    let page = include_str!("../../../docs/sql.md");
    let table =
        page.split("## Functions").nth(1).and_then(|rest| rest.split("### ").next()).unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect()
}

/// Whether a text calls a function.
fn calls(text: &str, name: &str) -> bool {
    let is_inside = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.match_indices(&format!("{name}(")).any(|(at, _)| !text[..at].ends_with(is_inside))
}

#[test]
fn every_function_of_the_documentation_has_an_example() {
    // Examples are the lines that begin with one; windows are those of the golden pipelines.
    let of_rust = [include_str!("tests.rs"), include_str!("../../../tests/engine/aggregates.rs")];
    let lines = of_rust.iter().flat_map(|text| text.lines().map(str::trim_start));
    let examples: String = lines.filter(|line| line.starts_with("(\"") || line.starts_with('"')).collect();
    let golden = std::fs::read_dir("tests/queries").expect("the golden pipelines").flatten();
    let queries = golden.filter_map(|case| std::fs::read_to_string(case.path().join("query.sql")).ok());
    let queries = queries.collect::<String>();
    let has = |name: &str| calls(&examples, name) || name.contains("window") && calls(&queries, name);
    let without: Vec<_> = documented().into_iter().filter(|name| !has(name)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn the_functions_of_the_documentation_are_there() {
    let named = documented();
    let known = super::names();
    assert!(named.len() > 150, "{}", named.len());
    let missing: Vec<_> = named.iter().filter(|name| !known.iter().any(|known| known == *name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
