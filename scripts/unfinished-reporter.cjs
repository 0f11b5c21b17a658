'use strict';
// Keeps the names of the test files that are in progress in a file, so that `npm test` can name them when jest has to be ended.
const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');

class UnfinishedReporter {
  /** The file that holds the names, as a JSON array of paths within the project. */
  static FILE = path.join(ROOT, '.test-state', 'unfinished.json');

  /** @type {Set<string>} */
  #underWay = new Set();

  onRunStart() {
    mkdirSync(path.dirname(UnfinishedReporter.FILE), { recursive: true });
  }

  /** @param {{ path: string }} test */
  onTestFileStart(test) {
    this.#underWay.add(path.relative(ROOT, test.path));
    this.#write();
  }

  /** @param {{ path: string }} test */
  onTestFileResult(test) {
    this.#underWay.delete(path.relative(ROOT, test.path));
    this.#write();
  }

  #write() {
    writeFileSync(UnfinishedReporter.FILE, JSON.stringify([...this.#underWay]));
  }
}

module.exports = UnfinishedReporter;
