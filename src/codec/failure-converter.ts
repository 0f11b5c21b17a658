import { DefaultFailureConverter } from '@temporalio/common';
import type { ProtoFailure } from '@temporalio/common';

/** Stands in every workflow bundle that has this converter, and in no other. */
export const FAILURE_CONVERTER_MARK = 'temporal-http-tasks: failures with encoded messages and stack traces';

/**
 * Puts messages and stack traces of failures into a payload, which a codec can encrypt. Whatever its settings, a
 * failure converter of Temporal's reads them back.
 */
class EncodingFailureConverter extends DefaultFailureConverter {
  readonly mark = FAILURE_CONVERTER_MARK;

  constructor() {
    super({ encodeCommonAttributes: true });
  }

  override errorToFailureInner(...given: Parameters<DefaultFailureConverter['errorToFailureInner']>): ProtoFailure {
    // A failure that came from elsewhere is kept in its error. The SDK would encode that very object, and a second time
    // what then stands in it, when the error is thrown again.
    return { ...super.errorToFailureInner(...given) };
  }
}

/** The name under which the SDK looks for it, in a worker as well as in a workflow bundle. */
export const failureConverter = new EncodingFailureConverter();
