import assert from "node:assert/strict";
import { test } from "node:test";
import { EventReader } from "../src/model/events.ts";

test("events come whole, however their text is cut", () => {
  const text = 'retry: 3000\n\nevent: live\ndata: {"a":1}\n\n:\n\n: beat\n\nevent: live\ndata:{"a":"é: 2"}\ndata: more\n\n';
  const expected = ['{"a":1}', '{"a":"é: 2"}\nmore'];
  for (let size = 1; size <= text.length; size += 1) {
    const reader = new EventReader();
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));
    assert.deepEqual(pieces.flatMap((piece) => reader.read(piece)), expected);
    assert.equal(reader.retry, 3000);
  }
});

test("what has not ended is no event", () => {
  const reader = new EventReader();
  assert.deepEqual(reader.read("data: 1\n"), []);
  assert.equal(reader.retry, null);
});
