/** `@temporal-http-tasks/evidence`: a report on a sweep as one HTML page. */
export { reportOnSweep } from './report/sweep-report';
export type { ReportLedger } from './report/report-data';
