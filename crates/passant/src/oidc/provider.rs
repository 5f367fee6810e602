//! The provider: what it says of itself, where it wants people sent, and whom it says they are.
//!
//! Invariant: who somebody is comes from an ID token whose signature, issuer, audience, time and nonce hold, or from the
//! provider's answer to the token that came with it, about the same subject. What was said goes on in our own types; no token
//! is kept.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::url::Url;
use openidconnect::{
    AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, Client,
    ClientId, ClientSecret, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, IdTokenClaims, IdTokenFields, OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse, StandardTokenResponse,
    UserInfoClaims,
};
use passant_control::Identity;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::outbound::{Outbound, Plain, Unanswered};
use super::{Attempt, Config, Failure};

/// Where the provider sends people back to.
pub(crate) const CALLBACK_PATH: &str = "/api/sign-in/oidc";
/// How long what the provider says of itself is believed; its keys change within days.
const METADATA_LASTS: SignedDuration = SignedDuration::from_hours(1);
/// How soon it is asked again after it did not answer, and for keys that it did not have.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// Who signs in occupies a thread while the provider is asked.
const TURNS: usize = 8;
/// Signatures that only the provider can make: neither `none` nor those by our own secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider, and what was last heard of it.
pub(crate) struct Provider {
    pub(crate) config: Config,
    secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    outbound: Outbound,
    turns: Semaphore,
    heard: Mutex<Heard>,
}

/// Somebody as the provider knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) identity: Identity,
    /// Their address, if the provider has verified it.
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) groups: Vec<String>,
}

/// What was last heard of the provider.
enum Heard {
    Nothing,
    NoAnswer(Timestamp),
    Metadata(Arc<CoreProviderMetadata>, Timestamp),
}

/// Claims that the standard has no name for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Others {
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl AdditionalClaims for Others {}

type Claims = IdTokenClaims<Others, CoreGenderClaim>;
type Tokens = StandardTokenResponse<
    IdTokenFields<
        Others,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type Known = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl Provider {
    /// A provider that nobody has asked anything yet.
    ///
    /// # Errors
    /// When our secret cannot be read, or the system trusts no certificate authority.
    pub(crate) fn open(config: Config, base_url: &str) -> Result<Self> {
        let redirect = RedirectUrl::new(format!("{base_url}{CALLBACK_PATH}"));
        let plain = if config.issuer.url().scheme() == "http" { Plain::Loopback } else { Plain::Never };
        Ok(Self {
            secret: config.secret()?,
            redirect: redirect.context("accounts.base_url is no URL")?,
            outbound: Outbound::new(plain)?,
            turns: Semaphore::new(TURNS),
            heard: Mutex::new(Heard::Nothing),
            config,
        })
    }

    /// Where the browser of an attempt has to go.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] when the provider does not answer, [`Failure::Busy`].
    pub(crate) fn begin(&self, attempt: &Attempt, now: Timestamp) -> Result<String, Failure> {
        let _turn = self.turns.try_acquire().map_err(|_| Failure::Busy)?;
        let metadata = self.metadata(now, METADATA_LASTS)?;
        let client = self.client(&metadata);
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let (state, nonce) = (attempt.state(), attempt.nonce());
        let request = client.authorize_url(flow, || state, || nonce);
        let request = request
            .add_scopes(self.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&attempt.verifier()));
        let (url, _, _) = request.url();
        Ok(url.into())
    }

    /// Who has come back with this code.
    ///
    /// # Errors
    /// [`Failure::Unproven`] when the code or what it gets proves nothing, [`Failure::Unreachable`], [`Failure::Busy`].
    pub(crate) fn finish(&self, attempt: &Attempt, code: String, now: Timestamp) -> Result<Person, Failure> {
        let _turn = self.turns.try_acquire().map_err(|_| Failure::Busy)?;
        let metadata = self.metadata(now, METADATA_LASTS)?;
        let client = self.client(&metadata);
        let ask = |request: HttpRequest| self.outbound.send(request);
        let exchange = client.exchange_code(AuthorizationCode::new(code));
        let exchange = exchange.map_err(|_| unreachable("it names no token endpoint"))?;
        let tokens = exchange.set_pkce_verifier(attempt.verifier()).request(&ask);
        let tokens = tokens.map_err(|error| not_exchanged(&error))?;
        let claims = match verified(&client, &tokens, attempt) {
            // The provider has signed with a key that is newer than what we know of it.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let metadata = self.metadata(now, ASKED_AGAIN_AFTER)?;
                verified(&self.client(&metadata), &tokens, attempt)
            }
            other => other,
        };
        let claims = claims.map_err(|error| unproven(fault(&error)))?;
        self.person(&client, &claims, &tokens)
    }

    /// Puts together what the ID token says, and what it leaves to be asked for.
    fn person(&self, client: &Known, claims: &Claims, tokens: &Tokens) -> Result<Person, Failure> {
        let mut person = Person {
            identity: Identity { issuer: claims.issuer().to_string(), subject: claims.subject().to_string() },
            email: claims
                .email()
                .map(|email| email.to_string())
                .filter(|_| claims.email_verified() == Some(true)),
            name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
            groups: self.groups(claims.additional_claims()),
        };
        let is_silent = claims.email().is_none() || (self.decides_roles() && person.groups.is_empty());
        let subject = claims.subject().clone();
        if let Ok(question) = client.user_info(tokens.access_token().clone(), Some(subject))
            && is_silent
        {
            let ask = |request: HttpRequest| self.outbound.send(request);
            let said: UserInfoClaims<Others, CoreGenderClaim> =
                question.request(&ask).map_err(|_| unreachable("it does not say who has signed in"))?;
            let email =
                said.email().map(|email| email.to_string()).filter(|_| said.email_verified() == Some(true));
            person.email = person.email.or(email);
            person.name =
                person.name.or(said.name().and_then(|name| name.get(None)).map(|name| name.to_string()));
            if person.groups.is_empty() {
                person.groups = self.groups(said.additional_claims());
            }
        }
        Ok(person)
    }

    /// Whether the provider says what people are here.
    pub(crate) fn decides_roles(&self) -> bool {
        self.config.roles.iter().any(|grant| grant.group.is_some())
    }

    fn groups(&self, others: &Others) -> Vec<String> {
        match others.claims.get(&self.config.groups_claim) {
            Some(Value::Array(groups)) => {
                groups.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::String(group)) => vec![group.clone()],
            Some(_) | None => Vec::new(),
        }
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> Known {
        let id = ClientId::new(self.config.client_id.clone());
        let client = Known::from_provider_metadata(metadata.clone(), id, self.secret.clone())
            .set_redirect_uri(self.redirect.clone());
        // The standard's default is the header; some providers take the body alone.
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes = |name| methods.is_some_and(|methods| methods.iter().any(|method| word(method) == name));
        if takes("client_secret_post") && !takes("client_secret_basic") {
            client.set_auth_type(AuthType::RequestBody)
        } else {
            client
        }
    }

    /// What the provider says of itself, no older than that.
    fn metadata(&self, now: Timestamp, lasts: SignedDuration) -> Result<Arc<CoreProviderMetadata>, Failure> {
        let is_within =
            |since: Timestamp, lasts| (SignedDuration::ZERO..lasts).contains(&now.duration_since(since));
        match &*self.heard.lock().unwrap_or_else(PoisonError::into_inner) {
            Heard::Metadata(metadata, since) if is_within(*since, lasts) => return Ok(metadata.clone()),
            Heard::NoAnswer(since) if is_within(*since, ASKED_AGAIN_AFTER) => {
                return Err(Failure::Unreachable);
            }
            Heard::Nothing | Heard::NoAnswer(_) | Heard::Metadata(..) => {}
        }
        let (heard, outcome) = match self.discovered() {
            Ok(metadata) => (Heard::Metadata(metadata.clone(), now), Ok(metadata)),
            Err(words) => (Heard::NoAnswer(now), Err(unreachable(words))),
        };
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = heard;
        outcome
    }

    fn discovered(&self) -> Result<Arc<CoreProviderMetadata>, &'static str> {
        let ask = |request: HttpRequest| self.outbound.send(request);
        let metadata = CoreProviderMetadata::discover(&self.config.issuer, &ask)
            .map_err(|_| "its description or its keys are not to be had, or are no provider's")?;
        let endpoints: [Option<&Url>; 3] = [
            Some(metadata.authorization_endpoint().url()),
            metadata.token_endpoint().map(|url| url.url()),
            metadata.userinfo_endpoint().map(|url| url.url()),
        ];
        if endpoints.into_iter().flatten().all(|url| self.outbound.may_ask(url)) {
            Ok(Arc::new(metadata))
        } else {
            Err("it names an address that is not an https one")
        }
    }
}

/// What the ID token says, if it proves it.
fn verified(client: &Known, tokens: &Tokens, attempt: &Attempt) -> Result<Claims, ClaimsVerificationError> {
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let token = tokens.extra_fields().id_token();
    let token = token.ok_or_else(|| ClaimsVerificationError::Other("no ID token".into()))?;
    token.claims(&verifier, &attempt.nonce()).cloned()
}

fn not_exchanged(
    error: &RequestTokenError<Unanswered, StandardErrorResponse<CoreErrorResponseType>>,
) -> Failure {
    match error {
        RequestTokenError::Request(_) => unreachable("it does not take the code"),
        // A wrong secret is the operator's to mend, a wrong code whoever's who came with it.
        RequestTokenError::ServerResponse(answer)
            if *answer.error() == CoreErrorResponseType::InvalidClient =>
        {
            unproven("the provider does not take our client_id and client_secret")
        }
        RequestTokenError::ServerResponse(_) => unproven("the provider does not take the code"),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            unproven("the answer is none to a code")
        }
    }
}

/// What is wrong with an ID token, in our words: the library's quote it.
fn fault(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "the ID token has expired",
        ClaimsVerificationError::InvalidAudience(_) => "the ID token is for another client",
        ClaimsVerificationError::InvalidIssuer(_) => "the ID token is another issuer's",
        ClaimsVerificationError::InvalidNonce(_) => "the ID token is of another attempt",
        ClaimsVerificationError::SignatureVerification(_) => "the ID token is not signed by the provider",
        _ => "the ID token is missing or wrong",
    }
}

fn unreachable(words: &'static str) -> Failure {
    tracing::warn!(reason = words, "the sign-in provider cannot be used");
    Failure::Unreachable
}

fn unproven(words: &'static str) -> Failure {
    tracing::warn!(reason = words, "somebody was not signed in by the provider");
    Failure::Unproven
}

fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
