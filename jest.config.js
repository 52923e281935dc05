/**
 * How the tests run: TypeScript through swc as ES modules, four workers, one Temporal server for the run
 * (test/support/global-setup.ts), code of packages compiled once a worker (test/support/environment.js), the longest
 * suites first (test/support/longest-first.js), skipped tests reported with their reason (test/support/skip-reporter.js).
 */

/** @type {import('jest').Config} */
export default {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: '<rootDir>/test/support/environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript' },
          transform: { verbatimModuleSyntax: true },
          experimental: { keepImportAttributes: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  setupFiles: ['<rootDir>/test/support/check-answers.ts'],
  testSequencer: '<rootDir>/test/support/longest-first.js',
  reporters: ['default', '<rootDir>/test/support/skip-reporter.js'],
  modulePathIgnorePatterns: ['<rootDir>/\\.tidemark/'],
  watchman: false,
  // On two cores, too: most of a run is spent waiting for time-outs, restarts and disks.
  maxWorkers: 4,
  // Longer than any wait within a test, which says what it waited for: two slow cores, four suites at a time.
  testTimeout: 600_000,
};
