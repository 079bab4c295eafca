import { expect, test } from "vitest";
import { age, delay, grade, integer, money, percent, short } from "./format";

test("numbers", () => {
  expect(integer(1234567.4)).toBe("1,234,567");
  expect(money(1234.5)).toBe("¥1,234.50");
  expect([0, 7, 7.25, 950, 1234, 12345, 123456, 4.56e6, 2e9].map(short)).toEqual(["0", "7", "7.3", "950", "1.23K", "12.3K", "123K", "4.56M", "2.00B"]);
  expect([percent(1, 4), percent(1, 40), percent(1, 0)]).toEqual(["25.0%", "2.50%", "–"]);
});

test("delays", () => {
  expect([delay(80), delay(1450), delay(180_000)]).toEqual([
    ["80", "ms"],
    ["1.4", "s"],
    ["3", "min"],
  ]);
  expect([grade(true, false, 500), grade(true, false, 5000), grade(true, false, 20_000), grade(true, true, 0), grade(false, false, 0)]).toEqual([
    "good",
    "slow",
    "late",
    "idle",
    "idle",
  ]);
  expect([age(4200), age(61_000), age(7_300_000)]).toEqual(["4s", "1m", "2h"]);
});
