//! What errors say.

use colorjet::ErrorKind;

/// The error has the kind and all the words.
pub fn says<T>(result: colorjet::Result<T>, kind: ErrorKind, words: &[&str]) {
    let Err(error) = result else { panic!("no error, but {words:?} was expected") };
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{error:?} does not say {word:?}");
    }
}
