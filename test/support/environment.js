/**
 * The environment of a suite: Jest's own for Node, with one difference. Jest makes each module anew for each suite, so
 * that none sees what another has left. It also compiles it anew, which takes most of the time of short suites: here a
 * worker compiles the code of a package once, and runs it in each suite's context.
 */
import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

const { compileFunction } = vm;
/** @type {Map<string, { code: string, script: vm.Script }>} By file name. */
const compiled = new Map();

/** @type {typeof compileFunction} */
vm.compileFunction = (code, parameters = [], options = {}) => {
  const { filename, parsingContext } = options;
  // What imports at run time has to know in whose name it does.
  if (filename === undefined || parsingContext === undefined || /\bimport\s*\(/.test(code)) {
    return compileFunction(code, parameters, options);
  }
  let known = compiled.get(filename);
  if (known?.code !== code) {
    const head = `(function (${parameters.join(', ')}) {`;
    const script = new vm.Script(`${head}${code}\n})`, { filename, columnOffset: -head.length });
    known = { code, script };
    compiled.set(filename, known);
  }
  return known.script.runInContext(parsingContext);
};

export default TestEnvironment;
