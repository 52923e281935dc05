/**
 * The direction of calls: api → workflows → activities → mariadb, storage, catalog → domain. A room may import only
 * what stands in its row here. `worker` puts the parts together; `embedded`, `bench` and `test` may import everything.
 * Two exceptions are rules of their own below: activities' contracts for workflows, and the API's answers for clients.
 */
import { builtinModules } from 'node:module';

const mayImport = {
  domain: [],
  config: ['domain'],
  // Crypto alone: what is sealed is stored by others.
  sealing: ['domain'],
  catalog: ['config', 'domain'],
  storage: ['config', 'domain'],
  // The catalog, made again from what lies in the store: on the deployment's host, and bit by bit by the control worker.
  rebuild: ['catalog', 'storage', 'config', 'domain'],
  mariadb: ['config', 'domain'],
  // How Temporal is reached, and how our workflows are started there.
  temporal: ['config', 'domain'],
  activities: ['temporal', 'mariadb', 'rebuild', 'storage', 'catalog', 'sealing', 'config', 'domain'],
  workflows: ['domain'],
  // The api starts workflows by the types of their input, and reads the catalog.
  api: ['workflows', 'temporal', 'catalog', 'sealing', 'config', 'domain'],
  // Of the API it knows the types of the answers alone, by a rule of its own below.
  client: ['domain'],
  // A client of the API; the commands of the deployment's host reach the catalog and the keys.
  cli: ['client', 'rebuild', 'storage', 'catalog', 'sealing', 'config', 'domain'],
  worker: ['activities', 'temporal', 'mariadb', 'storage', 'catalog', 'sealing', 'config', 'domain'],
};

const rooms = [...Object.keys(mayImport), 'embedded', 'console', 'bench', 'scripts', 'test'];
const contract = '^activities/[^/]+/contract\\.ts$';
const answers = '^api/schemas/';
// Letting an agent in is the same on the host and over HTTP.
const exceptions = { workflows: contract, client: answers, cli: '^api/enrolments\\.ts$' };

function roomRule([room, allowed]) {
  const forbidden = rooms.filter((other) => other !== room && !allowed.includes(other));
  return {
    name: `${room}-imports-only-what-it-may`,
    comment: `${room} may import ${allowed.length === 0 ? 'no other room' : allowed.join(', ')}`,
    severity: 'error',
    from: { path: `^${room}/` },
    to: {
      path: `^(${forbidden.join('|')})/`,
      ...(room in exceptions ? { pathNot: exceptions[room] } : {}),
    },
  };
}

export default {
  forbidden: [
    ...Object.entries(mayImport).map(roomRule),
    {
      name: 'workflows-take-types-of-activities',
      comment: 'a workflow names activities by their types; their code must not get into the workflow bundle',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: contract, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'clients-take-types-of-answers',
      comment: 'a client knows what the API answers, and carries none of its code',
      severity: 'error',
      from: { path: '^client/' },
      to: { path: answers, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'workflows-are-deterministic',
      comment: 'a workflow does no I/O, so that it can be replayed',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'domain-does-no-io',
      comment:
        'domain is pure: of Node it may use what computes, never what reads, writes, connects or starts',
      severity: 'error',
      from: { path: '^domain/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|zlib|buffer|util)$' },
    },
    {
      name: 'workflows-reach-no-node-module-through-domain',
      comment: "what a workflow imports is bundled for Temporal's sandbox, which has no Node modules",
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: `^(node:)?(${builtinModules.join('|')})$`, reachable: true },
    },
    {
      name: 'no-circles',
      comment: 'modules that need each other are one module, or miss a third',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-dev-dependency-in-the-product',
      comment: 'production installs without devDependencies',
      severity: 'error',
      from: { pathNot: '^(test|bench)/|\\.config\\.js$' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '^node_modules/@types/',
      },
    },
    {
      name: 'nothing-unresolved',
      comment: 'an import that leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    detectProcessBuiltinModuleCalls: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      conditionNames: ['import', 'node', 'default', 'types'],
      exportsFields: ['exports'],
    },
  },
};
