//! Parameters as browsers write them into URLs and forms. Any bytes are some.

use std::borrow::Cow;

/// Most parameters that are looked at; what follows is not read.
const PARAMETERS: usize = 256;

/// Parameters in the order in which they were sent.
#[derive(Default)]
pub(super) struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(bytes).take(PARAMETERS).collect())
    }

    /// What `other` says too; where both say something, `other` counts.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The last value of that name that is not blank, without the others.
    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.0.iter().rposition(|(known, value)| known == name && !value.trim().is_empty())?;
        Some(std::mem::take(&mut self.0[at].1))
    }

    /// Whether there is a value of that name that is not blank.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, value)| known == name && !value.trim().is_empty())
    }

    /// Every parameter.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// A copy of its own, of text that ends before its beacon does.
    pub(super) fn into_owned<'b>(self) -> Form<'b> {
        let owned = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        Form(self.0.into_iter().map(|(name, value)| (owned(name), owned(value))).collect())
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Cow<'a, str>)> for Form<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>>(parameters: I) -> Self {
        Self(parameters.into_iter().take(PARAMETERS).collect())
    }
}
