'use strict';
// Loads the modules of a test file. Those of this repository are evaluated for each test file, and compiled once in each jest
// worker. Packages are loaded once in each jest worker, by Node.js itself.
const { createRequire } = require('node:module');
const { sep } = require('node:path');
const { Script } = require('node:vm');
const JestRuntime = require('jest-runtime').default;
const { keeping } = require('./one-context.cjs');

const PACKAGES = `${sep}node_modules${sep}`;

/**
 * Packages that are evaluated for each test file too: those of Temporal, which load our converters by their paths and keep a
 * runtime that one test file must not leave to the next, and OpenTelemetry's, whose providers are registered once. What they
 * import is loaded once, above all the messages of Temporal's protocol.
 */
const FOR_EACH_FILE = /[\\/]node_modules[\\/](@temporalio[\\/](?!proto[\\/])|@opentelemetry[\\/])/;

const requireOnce = createRequire(__filename);

/** @type {Map<string, { code: string, script: Script }>} */
const compiled = new Map();

/**
 * Returns the module as a function. V8 compiles a script once, however often it is run.
 *
 * @param {string} code
 * @param {string} filename
 * @param {readonly string[]} parameters
 */
function moduleFunction(code, filename, parameters) {
  const known = compiled.get(filename);
  if (known?.code === code) return known.script.runInThisContext();
  const head = `(function (${parameters.join(', ')}) {`;
  const script = new Script(`${head}${code}\n})`, { filename, columnOffset: -head.length });
  compiled.set(filename, { code, script });
  return script.runInThisContext();
}

/**
 * Where a module is, by the file that asks and by the name.
 *
 * @type {Map<string, string>}
 */
const places = new Map();

class Runtime extends JestRuntime {
  /** @param {ConstructorParameters<typeof JestRuntime>} given */
  constructor(...given) {
    super(...given);
    const { executor } = this;
    executor.compile = (code, filename) => moduleFunction(code, filename, executor.injectedModuleParameters);
  }

  /**
   * @override
   * @param {string} from
   * @param {string} [name]
   * @param {{ isInternalModule?: boolean }} [options]
   * @param {boolean} [isActual]
   */
  requireModule(from, name, options, isActual) {
    if (name && !options?.isInternalModule && !this._resolution.isCoreModule(name)) {
      const file = this.#placeOf(from, name);
      if (file.includes(PACKAGES) && !FOR_EACH_FILE.test(file))
        return requireOnce.cache[file]?.exports ?? keeping(() => requireOnce(file));
    }
    return super.requireModule(from, name, options, isActual);
  }

  /** @override The process is the real one, and so is what it returns. */
  installGetBuiltinModule() {}

  #placeOf(from, name) {
    const key = `${from}\0${name}`;
    let place = places.get(key);
    if (place === undefined) {
      place = this._resolution.resolveCjs(from, name);
      places.set(key, place);
    }
    return place;
  }
}

module.exports = Runtime;
