//! Signing in by a provider, which is the published `oidc-provider`: who gets in and as what, and who does not.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http::Method;
use passant_tests::canary::{Canary, Search};
use passant_tests::{Answer, HttpClient, Passant, Settings};
use serde_json::{Value, json};

use super::{Browser, add, said};

const BASE_URL: &str = "https://stats.example.com";
const CALLBACK: &str = "/api/sign-in/oidc";
const SECRET: &str = "a secret that is shared & kept";
const ATTEMPT_COOKIE: &str = "__Host-passant-sign-in";

/// The provider, which ends with its standard input.
struct Provider {
    child: Child,
    issuer: String,
}

impl Provider {
    /// One whose claims are in the ID token, or to be asked for.
    fn start(claims_in: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/provider.mjs");
        let options = json!({ "redirect_uri": format!("{BASE_URL}{CALLBACK}"), "claims_in": claims_in });
        let mut child = Command::new("node")
            .arg(script)
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("the provider does not start: run `make setup-clients` once"));
        Self { child, issuer: said["issuer"].as_str().expect("an issuer").to_owned() }
    }

    /// The section that names it.
    fn section(&self, more: &str) -> String {
        let issuer = &self.issuer;
        format!(
            "[accounts]\nbase_url = \"{BASE_URL}\"\n[oidc]\nissuer = \"{issuer}\"\nclient_id = \"passant\"\n\
             client_secret = \"{SECRET}\"\nlabel = \"Example ID\"\n{more}\n"
        )
    }

    /// A server that people sign in to by it.
    async fn passant(&self, more: &str) -> Passant {
        let environment = vec![("RUST_LOG".into(), "trace".into())];
        Passant::start_with(Settings { config: self.section(more), environment, ..Settings::default() }).await
    }

    /// Goes where the server sent the browser, says who somebody is, and gives back where the provider leads.
    async fn sign_in(&self, url: &str, form: &[(&str, &str)]) -> String {
        let address = self.issuer.strip_prefix("http://").expect("plain").parse().expect("an address");
        let client = HttpClient::new(address);
        let path = |url: &str| url.strip_prefix(&self.issuer).unwrap_or(url).to_owned();
        let mut cookies = Vec::new();
        let mut keep = |answer: &Answer| {
            let new = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
            cookies.extend(new.map(|line| line.split(';').next().unwrap().to_owned()));
            (answer.header("location").to_owned(), cookies.join("; "))
        };
        let asked = client.get(&path(url)).await;
        let (interaction, cookie) = keep(&asked);
        assert!(interaction.starts_with("/interaction/"), "{} {}", asked.status, asked.text());
        let body: String = form_urlencoded(form);
        let headers = [("cookie", cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let answered = client.send(Method::POST, &interaction, &headers, body).await.expect("an answer");
        let (resumed, cookie) = keep(&answered);
        let back =
            client.send(Method::GET, &path(&resumed), &[("cookie", &cookie)], "").await.expect("an answer");
        let back = keep(&back).0;
        back.strip_prefix(BASE_URL).unwrap_or_else(|| panic!("led to {back:?}")).to_owned()
    }

    /// The same for somebody of whom this is known.
    async fn sign_in_as(&self, url: &str, subject: &str, claims: &Value) -> String {
        self.sign_in(url, &[("sub", subject), ("claims", &claims.to_string())]).await
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn form_urlencoded(form: &[(&str, &str)]) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let encoded = |text: &str| text.bytes().map(byte).collect::<String>();
    form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// Begins in a browser: where it has to go, and the cookie that it keeps.
async fn begin(passant: &Passant) -> (String, String) {
    let answer = Browser::new(passant).send(Method::POST, CALLBACK, Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; Max-Age=600; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert!(cookie.starts_with(ATTEMPT_COOKIE), "{cookie}");
    (answer.json()["url"].as_str().expect("a URL").to_owned(), cookie.to_owned())
}

/// Comes back to the server with what the browser has.
async fn come_back(passant: &Passant, path: &str, cookie: &str) -> Answer {
    let headers = [("cookie", cookie), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    let answer = passant.public().send(Method::GET, path, &headers, "").await.expect("an answer");
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}

/// The session that an answer begins, if it does.
fn session_of(answer: &Answer) -> Option<String> {
    let mut cookies = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    cookies.find_map(|cookie| cookie.strip_prefix("__Host-passant=")?.split(';').next().map(str::to_owned))
}

/// All of it: where the server led in the end, and who has signed in.
async fn signed_in(
    (provider, passant): (&Provider, &Passant),
    subject: &str,
    claims: &Value,
) -> (String, Option<Value>) {
    let (url, cookie) = begin(passant).await;
    let back = provider.sign_in_as(&url, subject, claims).await;
    let answer = come_back(passant, &back, &cookie).await;
    let led = answer.header("location").to_owned();
    let Some(session) = session_of(&answer) else { return (led, None) };
    let mut browser = Browser { client: passant.public(), session: Some(session) };
    (led, Some(browser.done(Method::GET, "/api/session", Value::Null).await))
}

fn ada() -> Value {
    json!({ "email": "Ada@example.com", "email_verified": true, "name": "Ada <b>Lovelace</b>" })
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_the_provider_knows_signs_in_and_signs_out_here() {
    let provider = Provider::start("id_token");
    let more = "unknown_people = \"make\"\nallowed_domains = [\"example.com\"]\n\
                roles = [{ role = \"analyst\", sites = [\"example.com\"] }]";
    let passant = provider.passant(more).await;
    let ways = passant.public().get("/api/sign-in").await.json();
    assert_eq!(ways, json!({ "single_sign_on": { "label": "Example ID" } }));

    let (url, cookie) = begin(&passant).await;
    for part in [
        "response_type=code",
        "code_challenge_method=S256",
        "scope=openid+email+profile",
        "&nonce=",
        "&state=",
    ] {
        assert!(url.contains(part), "{part}: {url}");
    }
    let back = provider.sign_in_as(&url, "1815", &ada()).await;
    let answer = come_back(&passant, &back, &format!("theme=dark; {cookie}")).await;
    assert_eq!(answer.header("location"), "/");
    let cookies: Vec<_> =
        answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(
        cookies[0].ends_with("; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Strict"),
        "{cookies:?}"
    );
    assert!(cookies[1].starts_with(&format!("{ATTEMPT_COOKIE}=; Path=/; Max-Age=0")), "{cookies:?}");

    let session = session_of(&answer);
    let mut browser = Browser { client: passant.public(), session };
    let expected = json!({
        "user": { "email": "ada@example.com", "name": "Ada <b>Lovelace</b>", "owner": false },
        "sites": [{ "domain": "example.com", "role": "analyst" }],
    });
    assert_eq!(browser.done(Method::GET, "/api/session", Value::Null).await, expected);
    assert!(passant.cli_ok(&["user", "list"]).contains("provider"));
    let secrets = [
        ("session", browser.session.clone().expect("signed in")),
        ("attempt", cookie.split_once('.').expect("two parts").1.to_owned()),
        ("code", back.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned()),
        ("client secret", SECRET.to_owned()),
    ];
    browser.done(Method::DELETE, "/api/session", Value::Null).await;
    assert_eq!(said(&browser.send(Method::GET, "/api/session", Value::Null).await).0, 401);

    // The same person, whatever their address is by now; nothing is made anew.
    let married = json!({ "email": "lovelace@example.com", "email_verified": true });
    let (_, again) = signed_in((&provider, &passant), "1815", &married).await;
    assert_eq!(again, Some(expected));

    let canaries: Vec<_> = secrets.iter().map(|(name, secret)| Canary::word(name, secret)).collect();
    let search = Search::new(&canaries);
    assert_eq!(search.within("log", passant.whole_log().as_bytes()), []);
    assert_eq!(search.below(&passant.data()), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_meant_is_told_why_and_gets_nothing() {
    let provider = Provider::start("id_token");
    let passant = provider.passant("allowed_domains = [\"example.com\"]").await;
    add(&passant, &["bob@example.com"]);
    let person = |email: &str, verified: bool| json!({ "email": email, "email_verified": verified });
    for (claims, word) in [
        (person("ada@example.com", true), "no_account"),
        (person("ada@example.com", false), "no_address"),
        (json!({}), "no_address"),
        (person("ada@evil.example", true), "domain"),
        (person("ada@example.com.evil.example", true), "domain"),
        // Somebody of the same address has an account, and nothing says that it is theirs.
        (person("BOB@example.com", true), "taken"),
    ] {
        let (led, user) = signed_in((&provider, &passant), "1815", &claims).await;
        assert_eq!((led, user), (format!("/#sign-in={word}"), None), "{claims}");
    }
    let (url, cookie) = begin(&passant).await;
    let denied = provider.sign_in(&url, &[("denied", "1")]).await;
    assert!(denied.contains("error=access_denied"), "{denied}");
    assert_eq!(come_back(&passant, &denied, &cookie).await.header("location"), "/#sign-in=denied");
    let users = passant.cli_ok(&["user", "list", "--json"]);
    assert_eq!(users.lines().count(), 1, "Bob alone: {users}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_joined_by_its_verified_address_where_the_operator_says_so() {
    let provider = Provider::start("userinfo");
    let passant = provider.passant("join_by_email = true").await;
    add(&passant, &["ada@example.com", "--owner"]);
    let unverified = json!({ "email": "ada@example.com", "email_verified": false });
    let (led, _) = signed_in((&provider, &passant), "666", &unverified).await;
    assert_eq!(led, "/#sign-in=no_address");
    let (led, user) = signed_in((&provider, &passant), "1815", &ada()).await;
    let user = user.expect("signed in");
    assert_eq!((led.as_str(), &user["user"]["owner"]), ("/", &json!(true)));
    // Another person who has the address later is somebody else.
    let (led, _) = signed_in((&provider, &passant), "1816", &ada()).await;
    assert_eq!(led, "/#sign-in=taken");
    // Her password goes on working.
    Browser::of(&passant, "ada@example.com").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_say_what_people_are_at_each_sign_in() {
    let provider = Provider::start("id_token");
    let more = "unknown_people = \"make\"\n[[oidc.roles]]\nrole = \"viewer\"\nsites = [\"example.com\"]\n\
                [[oidc.roles]]\ngroup = \"web\"\nrole = \"admin\"\n[[oidc.roles]]\ngroup = \"heads\"\nrole = \"owner\"\n";
    let passant = provider.passant(more).await;
    passant.cli_ok(&["site", "add", "other.example"]);
    let roles = async |groups: Value| {
        let mut claims = ada();
        claims["groups"] = groups;
        let (_, user) = signed_in((&provider, &passant), "1815", &claims).await;
        let user = user.expect("signed in");
        (user["user"]["owner"].clone(), user["sites"].clone())
    };
    let on = |role: &str, domain: &str| json!({ "domain": domain, "role": role });
    let both = |role: &str| json!([on(role, "example.com"), on(role, "other.example")]);
    let only = json!([on("viewer", "example.com")]);
    assert_eq!(roles(json!(["web", "others"])).await, (json!(false), both("admin")));
    assert_eq!(roles(json!([])).await, (json!(false), only.clone()));
    assert_eq!(roles(json!("heads")).await, (json!(true), both("owner")));
    assert_eq!(roles(json!({ "web": true })).await, (json!(false), only));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_did_not_sign_for_this_attempt_signs_nobody_in() {
    let provider = Provider::start("id_token");
    let passant = provider.passant("unknown_people = \"make\"").await;
    for lie in ["nonce", "issuer", "audience", "expired", "key", "shared_secret", "none"] {
        let mut claims = ada();
        claims["lie"] = json!(lie);
        let (led, user) = signed_in((&provider, &passant), lie, &claims).await;
        assert_eq!((led.as_str(), user), ("/#sign-in=unproven", None), "{lie}");
    }
    let (led, user) = signed_in((&provider, &passant), "1815", &ada()).await;
    assert!(led == "/" && user.is_some(), "the truth does: {led}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_worth_something_once_and_in_the_browser_that_asked() {
    let provider = Provider::start("id_token");
    let passant = provider.passant("unknown_people = \"make\"").await;
    let (url, cookie) = begin(&passant).await;
    let back = provider.sign_in_as(&url, "1815", &ada()).await;
    let led = async |path: &str, cookie: &str| {
        let answer = come_back(&passant, path, cookie).await;
        (answer.header("location").to_owned(), session_of(&answer).is_some())
    };
    let not_here = ("/#sign-in=not_begun_here".to_owned(), false);
    let (_, another) = begin(&passant).await;
    let younger = cookie.replacen("=1", "=2", 1);
    for stolen in ["", "theme=dark", another.as_str(), younger.as_str(), "__Host-passant-sign-in=1.2"] {
        assert_eq!(led(&back, stolen).await, not_here, "{stolen}");
    }
    let state = back.split("state=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(led(&back.replace(state, &"0".repeat(64)), &cookie).await, not_here);
    assert_eq!(led(&back.replace(state, ""), &cookie).await, not_here);
    // What leads elsewhere leads nowhere: nothing of the address comes into the answer.
    let elsewhere = format!(
        "{CALLBACK}?error=x&state={}&redirect_uri=https://evil.example&return_to=//evil.example",
        "0".repeat(64)
    );
    assert_eq!(led(&elsewhere, &cookie).await, not_here);
    let unproven = ("/#sign-in=unproven".to_owned(), false);
    let issuer = provider.issuer.replace(':', "%3A").replace('/', "%2F");
    assert!(back.contains(&issuer), "{back}");
    let other_issuer = back.replace(&issuer, "https%3A%2F%2Fevil.example");
    assert_eq!(led(&other_issuer, &cookie).await, unproven);
    // The code of one attempt in the other's address: its verifier does not fit.
    let (url, second) = begin(&passant).await;
    let other = provider.sign_in_as(&url, "1816", &ada()).await;
    let code = |path: &str| path.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(led(&other.replace(&code(&other), &code(&back)), &second).await, unproven);
    let (url, third) = begin(&passant).await;
    let fresh = provider.sign_in_as(&url, "1815", &ada()).await;
    assert_eq!(led(&fresh, &third).await, ("/".to_owned(), true));
    assert_eq!(led(&fresh, &third).await, unproven, "again");
    let never = fresh.replace(&code(&fresh), "never-given");
    assert_eq!(led(&never, &third).await, unproven);
    // Only pages of ours begin.
    let mut browser = Browser::new(&passant);
    let foreign =
        browser.send_from(("sec-fetch-site", "cross-site"), (Method::POST, CALLBACK), Value::Null).await;
    assert_eq!(foreign.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_keeps_nobody_else_out() {
    let provider = Provider::start("id_token");
    let section = provider.section("");
    drop(provider);
    let passant = Passant::start_with(Settings { config: section, ..Settings::default() }).await;
    add(&passant, &["ada@example.com", "--owner"]);
    let answer = Browser::new(&passant).send(Method::POST, CALLBACK, Value::Null).await;
    assert_eq!(answer.status, 503);
    assert!(said(&answer).1.contains("sign in by password"), "{}", answer.text());
    assert_eq!(answer.header("set-cookie"), "", "there is nothing to come back with");
    Browser::of(&passant, "ada@example.com").await;
    let log = passant.log();
    assert!(log.contains("the sign-in provider cannot be used"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_provider_has_no_such_door() {
    let passant = Passant::start().await;
    assert_eq!(passant.public().get("/api/sign-in").await.json(), json!({ "single_sign_on": null }));
    assert_eq!(Browser::new(&passant).send(Method::POST, CALLBACK, Value::Null).await.status, 404);
    assert_eq!(passant.public().get(&format!("{CALLBACK}?code=a&state=b")).await.status, 404);
}
