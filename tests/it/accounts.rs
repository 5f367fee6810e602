//! Who may sign in, and what each may then do, held against the real binary.

mod authorization;
mod described;
mod exports;
mod people;
mod secrets;
mod sharing;
mod signing_in;
mod single_sign_on;

use http::Method;
use passant_tests::{Answer, HttpClient, Passant};
use serde_json::{Value, json};

/// A password that passes.
const PASSWORD: &str = "correct horse battery";

/// Somebody's browser, on a page of the server's own.
struct Browser {
    client: HttpClient,
    session: Option<String>,
}

impl Browser {
    fn new(passant: &Passant) -> Self {
        Self { client: passant.public(), session: None }
    }

    /// A browser in which somebody has signed in.
    async fn of(passant: &Passant, email: &str) -> Self {
        let mut browser = Self::new(passant);
        let answer =
            browser.send(Method::POST, "/api/session", json!({ "email": email, "password": PASSWORD }));
        let answer = answer.await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        browser
    }

    /// Sends a request, and keeps the session that is answered.
    async fn send(&mut self, method: Method, path: &str, body: Value) -> Answer {
        self.send_from(("sec-fetch-site", "same-origin"), (method, path), body).await
    }

    /// Sends what a page elsewhere would.
    async fn send_from(&mut self, from: (&str, &str), request: (Method, &str), body: Value) -> Answer {
        let cookie = self.session.as_ref().map(|secret| format!("theme=dark; __Host-passant={secret}"));
        let mut headers = vec![("content-type", "application/json"), from];
        headers.extend(cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client.send(request.0, request.1, &headers, body).await.expect("an answer");
        let cookie = answer.header("set-cookie");
        if let Some(rest) = cookie.strip_prefix("__Host-passant=") {
            let secret = rest.split(';').next().unwrap_or_default().to_owned();
            self.session = Some(secret).filter(|secret| !secret.is_empty());
        }
        answer
    }

    /// Sends a request that must be done.
    async fn done(&mut self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.send(method, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }
}

/// Adds somebody with [`PASSWORD`].
fn add(passant: &Passant, arguments: &[&str]) {
    let output = passant.cli_with_input(&[&["user", "add"], arguments].concat(), PASSWORD);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What stands after the `#` of a link.
fn secret_of(link: &str) -> String {
    link.rsplit_once('#').expect("a link").1.trim().to_owned()
}

/// The error that an answer says.
fn said(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["error"].as_str().unwrap_or_default().to_owned())
}
