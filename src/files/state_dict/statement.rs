//! The sentences of an architecture, from text or JSON: a word, a subject, and named parameters.

use crate::error::{Error, ErrorKind, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// Words that are followed by a subject: the name of tensors, a shape, or a window.
const WITH_SUBJECT: [&str; 7] = ["input", "linear", "conv", "batch_norm", "prelu", "max_pool", "avg_pool"];

/// `conv 0 stride 2 padding 1`, taken apart.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) word: String,
    /// The words before the first parameter; empty if the word has no subject.
    pub(super) subject: String,
    parameters: BTreeMap<String, String>,
}

impl Statement {
    /// From its words; a subject with spaces in it is one word.
    pub(super) fn new(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut words = words.into_iter();
        let Some(word) = words.next() else { bail!(Format, "the name of a function or layer is missing") };
        let mut subject = String::new();
        if WITH_SUBJECT.contains(&word.as_str()) {
            let Some(first) = words.next() else {
                bail!(Format, "{word} is followed by nothing: it needs {}", needed(&word));
            };
            subject = first;
        }
        let mut parameters = BTreeMap::new();
        while let Some(name) = words.next() {
            let Some(value) = words.next() else { bail!(Format, "{word}: the parameter {name:?} has no value") };
            ensure!(parameters.insert(name.clone(), value).is_none(), Format, "{word} has {name:?} twice");
        }
        Ok(Statement { word, subject, parameters })
    }

    /// A line of text.
    pub(super) fn from_text(text: &str) -> Result<Self> {
        Self::new(text.split_whitespace().map(str::to_owned))
    }

    /// A string is text; in an object one key is the word, or `activation` stands before the function's name.
    pub(super) fn from_json(value: &Value) -> Result<Self> {
        let object = match value {
            Value::String(text) => return Self::from_text(text),
            Value::Object(object) => object,
            other => bail!(Format, "{other} is neither a string nor an object"),
        };
        let is_word = |key: &&String| WITH_SUBJECT.contains(&key.as_str()) || *key == "activation";
        let Some(word) = object.keys().find(is_word) else {
            bail!(Format, "{value} has none of the keys activation, {}", WITH_SUBJECT[1..].join(", "));
        };
        let subject = as_word(&object[word])?;
        let mut words = if word == "activation" { vec![subject] } else { vec![word.clone(), subject] };
        for (name, value) in object.iter().filter(|(name, _)| *name != word) {
            words.extend([name.clone(), as_word(value)?]);
        }
        Self::new(words)
    }

    /// Refuses parameters other than these.
    pub(super) fn only(&self, allowed: &[&str]) -> Result<()> {
        let Some(extra) = self.parameters.keys().find(|name| !allowed.contains(&name.as_str())) else { return Ok(()) };
        let has = if allowed.is_empty() { "it has none".into() } else { format!("it has {}", allowed.join(", ")) };
        bail!(InvalidParameter, "{} has no parameter {extra:?}; {has}", self.word)
    }

    /// A whole number, or one for each axis (`2x3`), of a parameter; empty if it is not given.
    pub(super) fn sizes(&self, name: &str) -> Result<Vec<usize>> {
        self.parameters.get(name).map_or(Ok(Vec::new()), |text| sizes(text, name))
    }

    /// A real number.
    pub(super) fn real(&self, name: &str) -> Result<Option<f64>> {
        let parse = |text: &String| match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => bail!(InvalidParameter, "{}: {name} is {text:?}, not a finite number", self.word),
        };
        self.parameters.get(name).map(parse).transpose()
    }
}

/// What the word needs after it.
fn needed(word: &str) -> &'static str {
    match word {
        "input" => "a shape, such as 1x28x28",
        "max_pool" | "avg_pool" => "the window, such as 2 or 2x3",
        _ => "the name of its tensors, the part before \".weight\"",
    }
}

/// Whole numbers with `x` between them.
pub(super) fn sizes(text: &str, what: &str) -> Result<Vec<usize>> {
    let not_whole = |_| {
        let message = format!("{what} is {text:?}, not a whole number such as 2, or one for each axis such as 2x3");
        Error::new(ErrorKind::InvalidParameter, message)
    };
    text.split('x').map(|number| number.parse::<usize>().map_err(not_whole)).collect()
}

/// A string as it is, a number by its digits, a list of numbers with `x` between them.
fn as_word(value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_number) => {
            Ok(list.iter().map(Value::to_string).collect::<Vec<_>>().join("x"))
        }
        other => bail!(Format, "{other} is neither a string, a number, nor a list of numbers"),
    }
}
