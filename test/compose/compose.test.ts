/** docker-compose.yml, the Dockerfile and what they name, held against the compose schema and the processes. */
import { expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { agentSettings } from '../../config/agent.ts';
import { apiSettings } from '../../config/api.ts';
import { controlSettings } from '../../config/control.ts';
import { loadFromEnvironment, loadFromFile } from '../../config/load.ts';
import { s3Endpoint } from '../../config/storage.ts';
import { loadTemporal } from '../../temporal/connect.ts';

interface Service {
  image?: string;
  build?: { context: string; target: string };
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  ports?: string[];
}

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const serviceNamed = (name: string): Service => {
  const service = compose.services[name];
  if (service === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
  return service;
};
const dockerfile = read('Dockerfile');
const targets = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name]) => name);
/** What is copied into the images: the lines of .dockerignore that begin with `!`. */
const copied = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path]) => path ?? '');
const inImage = (path: string): boolean =>
  copied.some((entry) => path === entry || path.startsWith(`${entry}/`)) && existsSync(join(root, path));

function mustBeExecutable(path: string): void {
  accessSync(join(root, path), constants.X_OK);
}

test('docker-compose.yml fits the compose specification', () => {
  const schema = JSON.parse(read('test/compose/compose-spec.json')) as Record<string, unknown>;
  // Ajv knows the draft by its http address alone.
  delete schema['$schema'];
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
  validate(compose);
  expect(validate.errors).toBeNull();
});

test('every volume, dependency and build target that a service names is there', () => {
  for (const [name, { volumes = [], depends_on = {}, build }] of services) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.'))
        expect([name, source, existsSync(join(root, source))]).toEqual([name, source, true]);
      else expect(Object.keys(compose.volumes)).toContain(source);
    }
    for (const [dependency, { condition }] of Object.entries(depends_on)) {
      expect(Object.keys(compose.services)).toContain(dependency);
      if (condition === 'service_healthy') expect(serviceNamed(dependency).healthcheck).toBeDefined();
    }
    if (build !== undefined) expect(targets).toContain(build.target);
  }
});

test('every service that keeps running has a health check, and an image with a version or one of ours', () => {
  for (const [name, { image = '', healthcheck, build }] of services) {
    if (!['secrets', 'enrolment'].includes(name))
      expect([name, healthcheck === undefined]).toEqual([name, false]);
    if (build === undefined) expect(image).toMatch(/:[0-9][\w.-]*$/);
  }
});

test('every program and script that our images are told to run is in them', () => {
  const commands = [
    ...services.filter(([, { build }]) => build !== undefined).map(([, { command }]) => command ?? []),
    ...[...dockerfile.matchAll(/^CMD (\[.+\])$/gm)].map(([, json]) => JSON.parse(json ?? '') as string[]),
  ].filter(([program]) => program !== undefined && program !== 's3-start');
  expect(commands.length).toBeGreaterThan(4);
  for (const [program = '', ...args] of commands) {
    const file = program === 'node' ? (args.find((arg) => arg.endsWith('.ts')) ?? 'no file') : program;
    expect([file, inImage(file)]).toEqual([file, true]);
    if (program !== 'node') mustBeExecutable(file);
  }
});

test('what the Dockerfile copies is there, and every file that the processes import gets into the images', () => {
  for (const path of copied) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
  const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list]) =>
    (list ?? '').split(' '),
  );
  for (const source of sources) expect([source, source === '.' || inImage(source)]).toEqual([source, true]);
  const { stdout } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      ...['--config', '.dependency-cruiser.mjs', '--output-type', 'json', '--no-cache'],
      ...['api/main.ts', 'worker/control.ts', 'worker/agent.ts', 'workflows/index.ts', 'cli/main.ts'],
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 27, env: { ...process.env, NODE_OPTIONS: '' } },
  );
  const { modules } = JSON.parse(stdout) as { modules: { source: string; coreModule?: boolean }[] };
  const own = modules
    .map(({ source }) => source)
    .filter((source) => /^[a-z]+\//.test(source) && source.endsWith('.ts'));
  expect(own).toContain('worker/agent.ts');
  expect(own.filter((source) => !inImage(source) && !source.startsWith('node_modules/'))).toEqual([]);
});

test('the api and the control worker accept their settings', () => {
  const api = loadFromEnvironment(apiSettings, serviceNamed('api').environment);
  const control = loadFromEnvironment(controlSettings, serviceNamed('control').environment);
  expect(api.catalog).toBe(control.catalog);
  expect(serviceNamed('api').ports).toEqual([`127.0.0.1:8080:${String(api.port)}`]);
  for (const name of ['api', 'control', 'mariadb']) {
    const { connectionOptions, namespace } = loadTemporal(serviceNamed(name).environment);
    expect([connectionOptions.address, namespace]).toEqual(['temporal:7233', 'default']);
  }
});

test('the health checks ask for what the processes serve', () => {
  const api = loadFromEnvironment(apiSettings, serviceNamed('api').environment);
  const control = loadFromEnvironment(controlSettings, serviceNamed('control').environment);
  expect(serviceNamed('api').healthcheck?.test.at(-1)).toContain(`127.0.0.1:${String(api.port)}/readyz'`);
  expect(read('api/health.ts')).toContain("'/readyz'");
  expect(serviceNamed('control').healthcheck?.test.at(-1)).toContain(
    `127.0.0.1:${String(control.metrics_port)}/metrics'`,
  );
});

const mountsOf = (name: string): (string | undefined)[] =>
  (serviceNamed(name).volumes ?? []).map((volume) => volume.split(':')[1]);

test('the agent accepts its settings, and works on the server that is mounted', () => {
  const settings = loadFromFile(agentSettings, join(root, 'deploy/agent.yml'));
  const options = read('deploy/my.cnf');
  expect(mountsOf('mariadb')).toContain(settings.state_directory);
  expect(mountsOf('mariadb')).toContain(/^datadir = (.+)\/data$/m.exec(options)?.[1]);
  expect(dockerfile).toContain('COPY deploy/agent.yml deploy/my.cnf /etc/tidemark/\n');
  expect(settings.server.defaults_file).toBe('/etc/tidemark/my.cnf');
});

test('the agent and the control worker use the bucket of the S3 server, with its keys from a file', () => {
  const settings = loadFromFile(agentSettings, join(root, 'deploy/agent.yml'));
  const control = loadFromEnvironment(controlSettings, serviceNamed('control').environment);
  expect(settings.storage).toBe(control.storage);
  const { protocol, host: bucket } = new URL(settings.storage);
  expect(protocol).toBe('s3:');
  const s3Start = read('deploy/s3-start');
  const [, objects = ''] = / posix (\S+)$/m.exec(s3Start) ?? [];
  expect(s3Start).toContain(`mkdir -p ${objects}/${bucket}\n`);
  expect(mountsOf('s3')).toContain(objects);
  const [, port] = /--port 0\.0\.0\.0:(\d+) /.exec(s3Start) ?? [];
  expect(serviceNamed('s3').healthcheck?.test.at(-1)).toContain(`/dev/tcp/127.0.0.1/${port}`);
  for (const name of ['control', 'mariadb']) {
    const { environment = {}, depends_on: dependencies } = serviceNamed(name);
    expect(s3Endpoint(environment)).toBe(`http://s3:${port}`);
    expect(environment['AWS_REGION']).toBe('us-east-1');
    const file = environment['AWS_SHARED_CREDENTIALS_FILE'] ?? '';
    expect(mountsOf(name)).toContain(dirname(file));
    expect(serviceNamed('secrets').command).toContain(dirname(file));
    expect(Object.keys(environment).filter((variable) => /KEY_ID|SECRET/.test(variable))).toEqual([]);
    expect(dependencies?.['s3']).toEqual({ condition: 'service_healthy' });
  }
  // The agent has the keys of the store, and no other secret of the deployment.
  expect(mountsOf('mariadb')).not.toContain('/secrets');
});

test('every secret that something reads is made, and no password stands in a setting', () => {
  const made = [...read('deploy/make-secrets').matchAll(/^(?:make|\[ -e) (\w+)/gm)].map(([, name]) => name);
  const texts = ['docker-compose.yml', 'deploy/postgres-init.sh', 'deploy/s3-start'].map(read).join('\n');
  const used = new Set([...texts.matchAll(/\/secrets\/(\w+)/g)].map(([, name]) => name));
  expect([...used].filter((name) => !made.includes(name))).toEqual([]);
  expect(texts).not.toMatch(/PASSWORD: |PWD: |postgres:\/\/\w+:/);
});

test('the scripts of the deployment are sound shell', () => {
  for (const script of ['make-secrets', 'postgres-init.sh', 's3-start', 'agent-start']) {
    mustBeExecutable(`deploy/${script}`);
    const { status, stderr } = spawnSync('bash', ['-n', join(root, 'deploy', script)], { encoding: 'utf8' });
    expect([script, status, stderr]).toEqual([script, 0, '']);
  }
});
