/**
 * A Jest reporter that lists the skipped tests with their reasons at the end of a run, and fails a run in which a
 * test was skipped without one. A reason stands in the test's name: `… [skipped: mounting needs root]`.
 */
export default class SkipReporter {
  #globalConfig;
  #withoutReason = [];

  constructor(globalConfig) {
    this.#globalConfig = globalConfig;
  }

  onRunComplete(_contexts, results) {
    // With -t, every test of another name counts as skipped.
    if (this.#globalConfig.testNamePattern) return;
    const skipped = results.testResults
      .flatMap(({ testResults }) => testResults)
      .filter(({ status }) => ['pending', 'skipped', 'disabled', 'todo'].includes(status));
    for (const { fullName } of skipped) {
      if (!/\[skipped: .+\]$/.test(fullName)) this.#withoutReason.push(fullName);
      process.stderr.write(`skipped: ${fullName}\n`);
    }
    process.stderr.write(`${skipped.length} skipped\n`);
  }

  getLastError() {
    if (this.#withoutReason.length === 0) return undefined;
    return new Error(`skipped without a reason in their names: ${this.#withoutReason.join('; ')}`);
  }
}
