const { forbidden, options } = require('./.dependency-cruiser.cjs');

/**
 * Types count here: two files that know each other's types are read together too. What runs where is another question,
 * which the other rules ask without types.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
module.exports = {
  forbidden: forbidden.filter(({ name }) => name === 'no-cycles'),
  options: { ...options, tsPreCompilationDeps: true },
};
