//! The live page: its files, which are a part of the program, so that it needs no other server.

/// A file's path, the type of its content, and its content.
type File = (&'static str, &'static str, &'static str);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// All of them. `uPlot.js` and `uPlot.css` are a library's, as their first lines say.
const FILES: [File; 16] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page/app.js", SCRIPT, include_str!("page/app.js")),
    ("/page/asking.js", SCRIPT, include_str!("page/asking.js")),
    ("/page/chart.js", SCRIPT, include_str!("page/chart.js")),
    ("/page/details.js", SCRIPT, include_str!("page/details.js")),
    ("/page/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/page/format.js", SCRIPT, include_str!("page/format.js")),
    ("/page/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("/page/list.js", SCRIPT, include_str!("page/list.js")),
    ("/page/live.js", SCRIPT, include_str!("page/live.js")),
    ("/page/measures.js", SCRIPT, include_str!("page/measures.js")),
    ("/page/style.css", STYLE, include_str!("page/style.css")),
    ("/page/track.js", SCRIPT, include_str!("page/track.js")),
    ("/page/uPlot.css", STYLE, include_str!("page/uPlot.css")),
    ("/page/uPlot.js", SCRIPT, include_str!("page/uPlot.js")),
    ("/page/windows.js", SCRIPT, include_str!("page/windows.js")),
];

/// The type and the content of the page's file at this path.
pub fn file(path: &str) -> Option<(&'static str, &'static str)> {
    FILES.iter().find(|(known, ..)| *known == path).map(|(_, kind, content)| (*kind, *content))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between quotation marks and looks like a file of the page.
    fn named(content: &str) -> impl Iterator<Item = String> {
        let quoted = content.split('"').skip(1).step_by(2);
        quoted.filter_map(|text| match text.strip_prefix("./") {
            Some(module) => Some(format!("/page/{module}")),
            None => text.starts_with("/page/").then(|| text.to_string()),
        })
    }

    #[test]
    fn every_file_that_the_page_names_is_there_and_none_comes_from_elsewhere() {
        let own = FILES.iter().filter(|(path, ..)| !path.contains("uPlot"));
        let mut wanted = vec!["/".to_string()];
        for (path, _, content) in own {
            wanted.extend(named(content));
            for word in ["innerHTML", "insertAdjacentHTML", "eval(", "style=\"", "onclick=", "//cdn"] {
                assert!(!content.contains(word), "{path}: {word}");
            }
        }
        wanted.sort();
        wanted.dedup();
        let there: Vec<_> = FILES.iter().map(|(path, ..)| (*path).to_string()).collect();
        assert_eq!(wanted, there, "the list is in order, and whole");
        assert_eq!(file("/page/../http.rs"), None);
        assert!(file("/page/uPlot.js").is_some_and(|(_, script)| script.contains("The MIT License")));
    }
}
