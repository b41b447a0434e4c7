/** The time that codes carry. */

import assert from "node:assert/strict";
import test from "node:test";
import { Clock } from "../../../wallet_api/web/phone/clock.js";

const TRUTH = 1_900_000_000_000;

/** A phone whose clock is off by so much, and which can sleep and be set. */
function phone(offBy, offset = 0) {
  const at = { passed: 0, slept: 0, off: offBy };
  const clock = new Clock({ wall: () => TRUTH + at.passed + at.slept + at.off, timer: () => at.passed, offset });
  const wrong = () => clock.now() - (TRUTH + at.passed + at.slept);
  return { at, clock, wrong };
}

function near(value, expected, what) {
  assert.ok(Math.abs(value - expected) <= 1_000, `${what}: ${value} ms`);
}

test("a phone that is an hour slow signs with the right time once the issuer has answered", () => {
  const { at, clock, wrong } = phone(-3_600_000);
  near(wrong(), -3_600_000, "before");
  at.passed = 200;
  assert.ok(clock.learn(TRUTH, 0));
  near(wrong(), 0, "after");
  assert.ok(clock.isWrong);
  near(Number(clock.seconds()) * 1000, TRUTH, "as proofs carry it");
});

test("what was learned is used in the next visit, without network", () => {
  const first = phone(90_000);
  first.clock.learn(TRUTH, 0);
  near(phone(90_000, first.clock.offset).wrong(), 0, "next visit");
});

for (const [off, isWrong] of [[14_000, false], [-14_000, false], [17_000, true], [-17_000, true]]) {
  test(`a clock that is off by ${off} ms is ${isWrong ? "" : "not "}worth a word`, () => {
    const { clock } = phone(off);
    clock.learn(TRUTH, 0);
    assert.equal(clock.isWrong, isWrong);
  });
}

test("t1 a clock set back while the page is open does not make old codes", () => {
  const { at, clock, wrong } = phone(0);
  clock.learn(TRUTH, 0);
  at.passed = 60_000;
  at.off = -86_400_000;
  near(wrong(), 0, "set back by a day");
});

test("a phone that slept goes on with the time that passed", () => {
  const { at, clock, wrong } = phone(-40_000);
  clock.learn(TRUTH, 0);
  at.passed = 5_000;
  at.slept = 600_000;
  near(wrong(), 0, "slept ten minutes");
});

test("a clock that is put right while the page is open is not taken for sleep", () => {
  const { at, clock, wrong } = phone(-120_000);
  clock.learn(TRUTH, 0);
  at.passed = 30_000;
  at.off = 0;
  near(wrong(), 0, "put right");
});

test("an answer that took too long says nothing about the time", () => {
  const { at, clock, wrong } = phone(0);
  at.passed = 11_000;
  assert.equal(clock.learn(TRUTH - 50_000, 0), false);
  near(wrong(), 0, "as before");
});
