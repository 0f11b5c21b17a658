/** Path of the module with the package's workflows, for a bundler. */
export const WORKFLOWS = require.resolve('./workflow');

/** Path of the workflow interceptors that pass a run's trace on. */
export const TRACE_INTERCEPTORS = require.resolve('./workflows/trace-headers');

/** Path of the failure converter of encrypted workers. */
export const FAILURE_CONVERTER = require.resolve('./codec/failure-converter');

/**
 * Modules that a worker of this package alone evaluates once for all its runs, instead of for each of them: zod is two
 * thirds of what a run evaluates in its first workflow task. The SDK freezes what they export. A host's worker does not
 * share them, because workflow code of the host may extend them.
 */
export const SHARED_MODULES = [require.resolve('zod')];
