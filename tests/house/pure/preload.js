// Loaded by the child's Node before anything else: no network, and the day is PLUMBLINE_TEST_DAYS away.
const { appendFileSync } = require("node:fs");

function refuse(...names) {
  appendFileSync(process.env.PLUMBLINE_TEST_ATTEMPTS, `node ${JSON.stringify(names)}\n`);
  throw new Error("this test has no network");
}
require("node:net").Socket.prototype.connect = refuse;
require("node:dns").lookup = refuse;
require("node:dgram").createSocket = refuse;
globalThis.fetch = refuse;

const RealDate = Date;
const shift = Number(process.env.PLUMBLINE_TEST_DAYS) * 86400000;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    parts.length === 0 ? super(RealDate.now() + shift) : super(...parts);
  }
  static now() {
    return RealDate.now() + shift;
  }
};
