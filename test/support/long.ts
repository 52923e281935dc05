/** Tests with many repetitions or much data run in full with `npm run test:long`, and as a sample otherwise. */
export const longRun: boolean = process.env['TIDEMARK_TEST_LONG'] === '1';
