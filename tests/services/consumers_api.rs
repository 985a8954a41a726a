//! The API of running consumers against its own description, by validators that nobody here wrote.

use super::{python, run};
use crate::consumers::Stage;

#[test]
fn every_answer_is_what_the_description_says_it_is() {
    let stage = Stage::new();
    let process = stage.run(&["--setup-defaults"]);
    process.becomes("transaction_consumer", "running");
    process.becomes("user_behavior_consumer", "running");
    stage.buy(0..20);
    stage.put("transactions", "{");
    process.reads("transaction_consumer", 21.0);
    let schema = crate::support::project("docs/status.schema.json");
    let seen = run(python("consumers_api.py").arg(format!("http://{}", process.address)).arg(schema));
    assert_eq!(seen.trim(), "8 paths read, 3 asked to do something, 1 status document");
    process.told.end();
}
