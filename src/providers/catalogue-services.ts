import { batchService } from './batch/service';
import { httpService } from '../tasks/http-service';
import { plaidService } from './plaid/service';
import type { ServiceDefinition } from '../tasks/service';

/** The services of the catalogue, in its order; the generic one needs no credentials. Loads none of their tasks. */
export const CATALOGUE_SERVICES: readonly ServiceDefinition[] = Object.freeze([
  plaidService,
  batchService,
  httpService,
]);
