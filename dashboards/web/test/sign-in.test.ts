import assert from "node:assert/strict";
import { test } from "node:test";
import { signInProblem } from "../src/model/sign-in.ts";

test("what went wrong at the provider is said in words of ours alone", () => {
  assert.match(signInProblem("#sign-in=no_account") ?? "", /Ask an owner/);
  for (const made of ["<b>pay here</b>", "constructor", "__proto__", ""]) {
    assert.equal(signInProblem(`#sign-in=${made}`), "You have not been signed in.");
  }
  for (const other of ["", "#", "#token=abc", "#sign=in"]) assert.equal(signInProblem(other), null);
});
