//! One request to the Sites API or the accounts API, read.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use passant_ingest::AddressPrefix;

use crate::authority::Credentials;
use crate::cookie::cookie;
use crate::oidc::ATTEMPT_COOKIE;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::same_origin;

/// One request, read.
pub(crate) struct Call {
    pub(crate) credentials: Credentials,
    /// Of the query and the body.
    pub(crate) parameters: Parameters,
    /// Of the path.
    path: Vec<(String, String)>,
    /// What is left of the client's address.
    pub(crate) prefix: Option<AddressPrefix>,
    pub(crate) origin: Origin,
    /// What its browser keeps of an attempt to sign in by the provider.
    pub(crate) attempt: Option<String>,
}

/// Whose page sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Our own, or nothing depends on it.
    Ours,
    /// Another site's, or nobody says.
    Foreign,
}

impl Call {
    /// A part of the path; blank where the route has none of this name.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A number in the path.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] for what is no number: there is nothing under it.
    pub(crate) fn number(&self, name: &str, what: &'static str) -> Result<u64, Refusal> {
        self.path(name).parse().map_err(|_| Refusal::Unknown(what))
    }
}

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut head, body) = request.into_parts();
        let path = RawPathParams::from_request_parts(&mut head, state).await;
        let path = path.map_err(IntoResponse::into_response)?;
        let path = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = Bytes::from_request(Request::from_parts(head.clone(), body), state).await;
        let body = body.map_err(IntoResponse::into_response)?;
        let parameters = Parameters::read(head.uri.query(), &head.headers, &body);
        Ok(Self {
            credentials: Credentials::of(&head.headers),
            parameters: parameters.map_err(IntoResponse::into_response)?,
            path,
            prefix: head.extensions.get::<AddressPrefix>().copied(),
            origin: origin(&head.method, &head.headers),
            attempt: cookie(&head.headers, ATTEMPT_COOKIE).map(str::to_owned),
        })
    }
}

fn origin(method: &Method, headers: &HeaderMap) -> Origin {
    if same_origin::is_ours(method, headers) { Origin::Ours } else { Origin::Foreign }
}
