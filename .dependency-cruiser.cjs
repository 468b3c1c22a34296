/**
 * The arrows of docs/architecture.md: who may import whom.
 *
 *   domain <- contracts <- db <- views <- services <- queues <- worker
 *   durable-objects see domain, contracts and db; search sees contracts and domain; web sees contracts;
 *   passwords sees nothing of ours.
 */
const MAY_IMPORT = {
  domain: [],
  contracts: ['domain'],
  db: ['domain', 'contracts'],
  views: ['domain', 'contracts', 'db'],
  services: ['domain', 'contracts', 'db', 'views'],
  queues: ['domain', 'contracts', 'db', 'views', 'services'],
  'durable-objects': ['domain', 'contracts', 'db'],
  worker: ['domain', 'contracts', 'db', 'views', 'services', 'queues', 'durable-objects'],
  search: ['domain', 'contracts'],
  passwords: [],
}

const arrows = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `${folder}-imports-along-the-arrows`,
  comment: `src/${folder} may import ${allowed.length === 0 ? 'nothing of ours' : allowed.join(', ')}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^(src|web|tools|test|bench)/', pathNot: [folder, ...allowed].map((name) => `^src/${name}/`) },
}))

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'every-folder-has-its-arrows',
      comment: 'A new folder under src/ is given its place in MAY_IMPORT first',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.keys(MAY_IMPORT).map((folder) => `^src/${folder}/`) },
      to: {},
    },
    {
      name: 'web-imports-contracts-only',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^(src|tools|test|bench)/', pathNot: '^src/contracts/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'nothing-missing',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^cloudflare:' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Tests may import anything; .wrangler holds what wrangler bundled.
    exclude: { path: ['\\.test\\.ts$', '(^|/)\\.wrangler/'] },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['workerd', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
}
