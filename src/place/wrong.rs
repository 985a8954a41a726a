//! What a store's errors mean for people, and whose fault they are.

use crate::Error;
use crate::error::Fault;
use object_store::Error as StoreError;

/// What a store may say, and what to do about it.
struct Known {
    /// It is this where one of these is in its answer.
    words: &'static [&'static str],
    fault: Fault,
    hint: &'static str,
}

/// The first that fits counts.
const KNOWN: [Known; 6] = [
    Known {
        words: &["169.254.169.254", "metadata.google.internal"],
        fault: Fault::Unreachable,
        hint: "no credentials are given, and no role of the machine answers: set AWS_ACCESS_KEY_ID and \
               AWS_SECRET_ACCESS_KEY, or GOOGLE_SERVICE_ACCOUNT",
    },
    Known {
        words: &["NoSuchBucket", "The specified bucket does not exist"],
        fault: Fault::Usage,
        hint: "create the bucket, or name another one",
    },
    Known {
        words: &["AuthorizationHeaderMalformed", "PermanentRedirect", "without LOCATION"],
        fault: Fault::Usage,
        hint: "the bucket seems to be in another region: set AWS_REGION",
    },
    Known {
        words: &["status code: 401", "status code: 403", "ExpiredToken", "InvalidToken"],
        fault: Fault::Failed,
        hint: "check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and what they may do",
    },
    Known {
        words: &["NotImplemented", "conditional put is disabled"],
        fault: Fault::Failed,
        hint: "the store has to know conditional writes (If-None-Match, If-Match)",
    },
    Known {
        words: &["builder error"],
        fault: Fault::Usage,
        hint: "an endpoint of http:// needs AWS_ALLOW_HTTP=true",
    },
];

/// An error of a store, or one that such an error is behind, in a line: an unreachable one where it did not answer, or not
/// for now.
pub fn of_store(error: &(dyn std::error::Error + 'static)) -> Error {
    let text = &error.to_string();
    if let Some(known) = KNOWN.iter().find(|known| known.words.iter().any(|word| text.contains(word))) {
        return Error::new(known.fault, told(text)).hint(known.hint);
    }
    let is_of_a_store = ["Generic S3 error", "Generic GCS error"].iter().any(|name| text.contains(name));
    let passes = is_of_a_store && !is_refusal(text);
    Error::new(if passes { Fault::Unreachable } else { Error::caused(error).fault() }, told(text))
}

/// Whether it says that there is no such object, in a bucket that is there.
pub fn is_absent(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. }) && of_store(error).fault() != Fault::Usage
}

/// Whether the store answered that it will not do it, however often it is asked.
fn is_refusal(text: &str) -> bool {
    let status = between(text, "status code: ", " ").unwrap_or_default();
    status == "501" || status.starts_with('4') && !["408", "409", "429"].contains(&status)
}

/// The store's own words, where it has some; otherwise what was asked of it and what came of that.
fn told(text: &str) -> String {
    if let Some(code) = between(text, "<Code>", "</Code>") {
        let message = between(text, "<Message>", "</Message>").unwrap_or_default();
        return format!("{code}: {}", message.trim_end_matches('.'));
    }
    let asked = text.rsplit_once("Error performing ").and_then(|(_, rest)| rest.split_once(" in "));
    match (asked, text.split_once(" - ")) {
        (Some((asked, _)), Some((_, came))) => format!("{asked}: {}", in_a_line(came)),
        _ => in_a_line(text),
    }
}

fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(behind).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of an answer, as the crate words it.
    fn said(answer: &str) -> (Fault, String) {
        let source = format!("Error performing PUT http://s3/lake/x in 3.1ms, after 5 retries  - {answer}");
        let error = of_store(&StoreError::Generic { store: "S3", source: source.into() });
        (error.fault(), error.to_string())
    }

    fn status(status: &str, code: &str) -> String {
        let body = format!("<?xml?>\n<Error><Code>{code}</Code><Message>So it is.</Message></Error>");
        format!("Server returned non-2xx status code: {status}: {body}")
    }

    #[test]
    fn an_answer_says_whose_fault_it_is() {
        for (answer, fault, text) in [
            (
                status("404 Not Found", "NoSuchBucket"),
                Fault::Usage,
                "NoSuchBucket: So it is: create the bucket",
            ),
            (status("403 Forbidden", "AccessDenied"), Fault::Failed, "check the credentials"),
            (status("400 Bad Request", "AuthorizationHeaderMalformed"), Fault::Usage, "set AWS_REGION"),
            (status("400 Bad Request", "InvalidArgument"), Fault::Failed, "InvalidArgument: So it is"),
            (status("501 Not Implemented", "NotImplemented"), Fault::Failed, "NotImplemented"),
            ("HTTP error: builder error".into(), Fault::Usage, "AWS_ALLOW_HTTP"),
            (status("503 Slow Down", "SlowDown"), Fault::Unreachable, "SlowDown: So it is"),
            (status("429 Too Many Requests", "TooMany"), Fault::Unreachable, "TooMany"),
            (
                "HTTP error: error sending request".into(),
                Fault::Unreachable,
                "PUT http://s3/lake/x: HTTP error: error sending request",
            ),
        ] {
            let (is, line) = said(&answer);
            assert_eq!(is, fault, "{line}");
            assert!(line.contains(text) && !line.contains('\n'), "{line}");
        }
    }
}
