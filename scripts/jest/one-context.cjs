'use strict';
// A test environment without a context of its own: tests, the code that they test, and packages share the globals of the
// process, as in production. What a test file changes in them is undone when it has ended.
const { LegacyFakeTimers, ModernFakeTimers } = require('@jest/fake-timers');
const { ModuleMocker } = require('jest-mock');

/** @typedef {(...given: any[]) => void} Listener */

/**
 * Globals that stay for the next test file because what put them there stays: packages that are loaded once, and the fetch of
 * Node.js.
 *
 * @type {Set<string | symbol>}
 */
const keptGlobals = new Set([Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]);

/** @type {Set<Function>} */
const keptListeners = new Set();

/**
 * Calls a function that loads something for all test files, and keeps the globals and the listeners of the process that it adds.
 *
 * @template T
 * @param {() => T} load
 * @returns {T}
 */
function keeping(load) {
  const globals = new Set(Reflect.ownKeys(globalThis));
  const listeners = new Set(listenersOfProcess().map(([, listener]) => listener));
  try {
    return load();
  } finally {
    for (const key of Reflect.ownKeys(globalThis)) if (!globals.has(key)) keptGlobals.add(key);
    for (const [, listener] of listenersOfProcess()) if (!listeners.has(listener)) keptListeners.add(listener);
  }
}

/** @returns {[event: string | symbol, listener: Listener][]} */
function listenersOfProcess() {
  /** @type {NodeJS.EventEmitter} */
  const emitter = process;
  return emitter
    .eventNames()
    .flatMap((event) => emitter.rawListeners(event).map((listener) => /** @type {any} */ ([event, listener])));
}

/** What a test file may change in the process. */
class Surroundings {
  #globals = Object.getOwnPropertyDescriptors(globalThis);
  #process = Object.getOwnPropertyDescriptors(process);
  #listeners = new Set(listenersOfProcess().map(([, listener]) => listener));
  #env = { ...process.env };
  #folder = process.cwd();

  restore() {
    restoreProperties(globalThis, this.#globals);
    restoreProperties(process, this.#process);
    for (const [event, listener] of listenersOfProcess()) {
      if (!this.#listeners.has(listener) && !keptListeners.has(listener)) process.off(event, listener);
    }
    for (const name of Object.keys(process.env)) if (!Object.hasOwn(this.#env, name)) delete process.env[name];
    Object.assign(process.env, this.#env);
    if (process.cwd() !== this.#folder) process.chdir(this.#folder);
  }
}

/**
 * @param {object} object
 * @param {Record<string | symbol, PropertyDescriptor>} before
 */
function restoreProperties(object, before) {
  for (const key of Reflect.ownKeys(object)) {
    if (!Object.hasOwn(before, key) && !keptGlobals.has(key)) Reflect.deleteProperty(object, key);
  }
  for (const key of Reflect.ownKeys(before)) {
    const { value, get } = before[key];
    const now = Object.getOwnPropertyDescriptor(object, key);
    if (now === undefined || now.value !== value || now.get !== get) Reflect.defineProperty(object, key, before[key]);
  }
}

class OneContext {
  #surroundings = new Surroundings();

  /** @param {{ projectConfig: ConstructorParameters<typeof ModernFakeTimers>[0]['config'] }} config */
  constructor({ projectConfig: config }) {
    /** @type {typeof globalThis | null} */
    this.global = globalThis;
    const global = globalThis;
    this.moduleMocker = new ModuleMocker(global);
    const timerConfig = { idToRef: (/** @type {number} */ id) => id, refToId: (/** @type {number} */ ref) => ref };
    /** @type {LegacyFakeTimers<number> | null} */
    this.fakeTimers = new LegacyFakeTimers({ config, global, moduleMocker: this.moduleMocker, timerConfig });
    /** @type {ModernFakeTimers | null} */
    this.fakeTimersModern = new ModernFakeTimers({ config, global });
  }

  async setup() {}

  async teardown() {
    this.fakeTimers?.dispose();
    this.fakeTimersModern?.dispose();
    this.fakeTimers = this.fakeTimersModern = null;
    this.#surroundings.restore();
    this.global = null;
  }

  exportConditions() {
    return ['node', 'node-addons'];
  }

  /** None: the runtime compiles for the context of the process. */
  getVmContext() {
    return null;
  }
}

module.exports = OneContext;
module.exports.keeping = keeping;
