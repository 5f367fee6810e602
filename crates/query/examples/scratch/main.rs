#![allow(missing_docs, dead_code, unused_imports, clippy::all)]
extern crate self as passant_tests;
mod query;
pub struct TestEngine { store: passant_store::Store }
impl TestEngine {
    pub async fn start() -> Self {
        let e = passant_store::Endpoint::Socket("/tmp/q-engine/s.sock".into());
        let store = passant_store::Store::new(&e, passant_store::Config::default());
        store.migrate().await.expect("migrated");
        Self { store }
    }
    pub fn store(&self) -> &passant_store::Store { &self.store }
}
fn main() {}
