/** Path of the module with the package's workflows, for a bundler. */
export const WORKFLOWS = require.resolve('./workflow');

/** Path of the workflow interceptors that pass a run's trace on. */
export const TRACE_INTERCEPTORS = require.resolve('./workflows/trace-headers');

/** Path of the failure converter of encrypted workers. */
export const FAILURE_CONVERTER = require.resolve('./codec/failure-converter');
