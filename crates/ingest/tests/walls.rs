//! The walls around what must not get out: programs that try to show, copy or store an address or a key, each of
//! which must not compile.
//!
//! Each program does one forbidden thing, so that a wall that falls is named.

#[test]
fn an_address_and_a_key_can_be_neither_shown_nor_copied_nor_stored() {
    trybuild::TestCases::new().compile_fail("tests/walls/*.rs");
}
