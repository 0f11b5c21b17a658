'use strict';

// Jest runs tests in a context of its own, where an error made by Node itself (a system error, an invalid URL) is not
// `instanceof Error`. In production there is one context, so here such an error counts as what it is too.
const { types } = require('node:util');

const ordinary = Function.prototype[Symbol.hasInstance];

/**
 * @param {object} value
 * @param {string} name
 */
function hasAncestorNamed(value, name) {
  for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
    if (Object.hasOwn(proto, 'name') && proto.name === name) return true;
  }
  return false;
}

for (const constructor of [Error, TypeError, RangeError, SyntaxError]) {
  Object.defineProperty(constructor, Symbol.hasInstance, {
    /** @param {unknown} candidate */
    value(candidate) {
      if (ordinary.call(this, candidate)) return true;
      return this === constructor && types.isNativeError(candidate) && hasAncestorNamed(candidate, constructor.name);
    },
  });
}
