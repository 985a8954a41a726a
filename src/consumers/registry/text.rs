//! The text of the registry: where each consumer stands in it, and how it is changed so that comments stay.

use super::{Definition, Setting, Value};
use crate::{Error, Result};
use std::ops::Range;
use std::path::Path;
use toml_edit::{Array, DocumentMut, Item, TableLike};

/// Where each of `count` consumers stands: from the comment lines directly above its heading to the first empty line behind
/// what it has.
///
/// # Errors
/// A usage error where they cannot be told apart.
pub fn places(path: &Path, text: &str, count: usize) -> Result<Vec<Range<usize>>> {
    let (mut places, mut above, mut at) = (Vec::<Range<usize>>::new(), None, 0);
    for line in text.split_inclusive('\n') {
        let (line, end) = (line.trim(), at + line.len());
        let is_comment = line.starts_with('#');
        if line.starts_with("[[") && line.contains("consumer") {
            let begin = above.unwrap_or(at);
            if let Some(last) = places.last_mut() {
                last.end = last.end.min(begin);
            }
            places.push(begin..end);
        } else if let Some(last) = places.last_mut().filter(|_| !line.is_empty())
            && (!is_comment || last.end == at)
        {
            last.end = end;
        }
        above = if is_comment { above.or(Some(at)) } else { None };
        at = end;
    }
    if places.len() == count {
        return Ok(places);
    }
    let message = format!("{}: its consumers cannot be told apart", path.display());
    Err(Error::usage(message).hint("begin each with a line [[consumer]], or edit it by hand"))
}

/// A text with a consumer behind what it has.
pub fn with(text: &str, definition: &Definition) -> String {
    let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}{gap}{}", definition.to_toml())
}

/// A text without the consumer that stands there.
pub fn without(text: &str, place: &Range<usize>) -> String {
    format!("{}{}", &text[..place.start], text[place.end..].trim_start_matches(['\r', '\n']))
}

/// A text in which the consumer that stands there has these settings; what it has besides, and comments, stay. Without
/// settings it is written anew.
pub fn altered(
    text: &str,
    place: &Range<usize>,
    definition: &Definition,
    settings: Option<&[Setting]>,
) -> String {
    let own = &text[place.clone()];
    let anew = || {
        let above = own.split_inclusive('\n').take_while(|line| line.trim_start().starts_with('#'));
        above.chain([definition.to_toml().as_str()]).collect()
    };
    let own = settings.and_then(|settings| set(own, settings)).unwrap_or_else(anew);
    format!("{}{own}{}", &text[..place.start], &text[place.end..])
}

fn set(text: &str, settings: &[Setting]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let consumer = document.get_mut("consumer")?.as_array_of_tables_mut()?.get_mut(0)?;
    for Setting { setting, to, .. } in settings {
        let (table, key): (&mut dyn TableLike, _) = match setting.strip_prefix("options.") {
            Some(option) => {
                let options = consumer.entry("options").or_insert_with(toml_edit::table);
                (options.as_table_like_mut()?, option)
            }
            None => (&mut *consumer, setting.as_str()),
        };
        match (to, table.get_mut(key).and_then(Item::as_value_mut)) {
            (None, _) => drop(table.remove(key)),
            (Some(to), Some(value)) => {
                let around = value.decor().clone();
                *value = of(to);
                *value.decor_mut() = around;
            }
            (Some(to), None) => drop(table.insert(key, Item::Value(of(to)))),
        }
    }
    Some(document.to_string())
}

fn of(value: &Value) -> toml_edit::Value {
    match value {
        Value::Flag(given) => (*given).into(),
        Value::One(text) => text.into(),
        Value::Many(texts) => texts.iter().collect::<Array>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Registry;
    use super::*;

    const TEXT: &str = "\
# Ours: ask us first.

# Money.
[[consumer]] # the first
name = 'a' # short
type = 'transaction'
# Slower at night.
[consumer.options]
window = '5m' # as the report
# rows = 3

# ---- Visitors ----

# Who comes.
# And who goes.
[[consumer]]
name = 'b'
type = 'user-behavior'

[consumer.options]
sink = \"\"\"
# no comment
\"\"\"

# The end.
";

    fn names(text: &str) -> Vec<String> {
        let registry = Registry::of(Path::new("x"), text.into()).unwrap();
        registry.entries().iter().map(|entry| entry.name.clone()).collect()
    }

    #[test]
    fn who_goes_takes_its_own_comments_and_no_others() {
        let places = places(Path::new("x"), TEXT, 2).unwrap();
        let without_a = without(TEXT, &places[0]);
        assert_eq!(
            without_a,
            TEXT.replace(&TEXT[places[0].clone()], "").replace("first.\n\n\n", "first.\n\n")
        );
        for (text, gone, left) in [
            (without_a, ["# Money", "# rows", "# short"], ["# Ours", "# ---- Visitors", "# And who goes"]),
            (
                without(TEXT, &places[1]),
                ["# Who comes", "# And", "# no"],
                ["# Money", "# ---- Visitors", "# The end"],
            ),
        ] {
            assert!(!gone.iter().any(|line| text.contains(line)), "{text}");
            assert!(left.iter().all(|line| text.contains(line)), "{text}");
            assert_eq!(names(&text).len(), 1);
        }
        assert!(super::places(Path::new("x"), TEXT, 3).unwrap_err().to_string().contains("told apart"));
    }

    #[test]
    fn what_changes_changes_where_it_stands() {
        let places = places(Path::new("x"), TEXT, 2).unwrap();
        let one = |text: &str| Some(Value::One(text.into()));
        let setting = |name: &str, to| Setting { setting: name.into(), from: None, to };
        let settings = [
            setting("type", one("user-behavior")),
            setting("group", one("g")),
            setting("options.window", one("1m")),
            setting("options.agg", Some(Value::Many(vec!["count(*) AS n".into(), "max(a) AS \"b\"".into()]))),
            setting("options.quality", Some(Value::Flag(true))),
        ];
        let definition = Definition::default();
        let text = altered(TEXT, &places[0], &definition, Some(&settings));
        let expected = TEXT.replacen("'transaction'\n", "\"user-behavior\"\ngroup = \"g\"\n", 1).replacen(
            "'5m' # as the report\n",
            "\"1m\" # as the report\nagg = [\"count(*) AS n\", 'max(a) AS \"b\"']\nquality = true\n",
            1,
        );
        assert_eq!(text, expected);
        let again = altered(TEXT, &places[1], &definition, Some(&[setting("options.sink", None)]));
        assert_eq!(again, TEXT.replace("sink = \"\"\"\n# no comment\n\"\"\"\n", ""));
        let bare = "[[consumer]]\nname = 'a'\ntype = 'transaction'\n";
        let text = altered(bare, &(0..bare.len()), &definition, Some(&settings[2..3]));
        assert_eq!(text, format!("{bare}\n[consumer.options]\nwindow = \"1m\"\n"));
        let broken = "# Kept.\n[[consumer]]\nname = 'a\n";
        let place = super::places(Path::new("x"), broken, 1).unwrap().remove(0);
        let definition = Definition { name: "a".into(), ..definition };
        let text = altered(broken, &place, &definition, None);
        assert_eq!(text, format!("# Kept.\n{}", definition.to_toml()));
        assert_eq!(altered(broken, &place, &definition, Some(&settings)), text);
    }
}
