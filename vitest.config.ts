import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin'
import { defineConfig, type TestProjectConfiguration } from 'vitest/config'
import {
  PASSWORD_WORKER_BUNDLE,
  SEARCH_MIGRATIONS,
  SEARCH_WORKER_BUNDLE,
} from './test/node/harness/bundle-workers.ts'
import { TEST_VAPID } from './test/node/harness/push-keys.ts'

/** Enough for a cold start of the runtime on a busy machine. */
const TEST_TIMEOUT_MS = 30_000

/** Two, and so small that tests fill the first. */
const SEARCH_DATABASES = { SEARCH_DB_0: 'search-0', SEARCH_DB_1: 'search-1' }
const DOCUMENTS_PER_DATABASE = '40'

/** Tests in the Workers runtime, with a database that they share. */
function runtimeProject(name: string, include: string): TestProjectConfiguration {
  return {
    extends: true,
    plugins: [
      cloudflareTest(async ({ inject }) => ({
        wrangler: { configPath: './wrangler.toml' },
        miniflare: {
          bindings: {
            DATABASE_URL: inject('databaseUrl'),
            DATABASE_ENDPOINT: inject('endpointUrl'),
            JWT_SECRET: 'test-access-secret-of-32-characters!',
            REFRESH_SECRET: 'test-refresh-secret-of-32-characters',
            RATE_LIMITS: 'off',
            VAPID_PUBLIC_KEY: TEST_VAPID.publicKey,
            VAPID_PRIVATE_KEY: TEST_VAPID.privateKey,
            VAPID_SUBJECT: TEST_VAPID.subject,
            PUSH_SERVICES: `push.example.com, ${inject('pushServiceOrigin')}`,
            SEARCH_MIGRATIONS: await readD1Migrations(SEARCH_MIGRATIONS),
          },
          // Those of the search Worker, for the tests to prepare them.
          d1Databases: SEARCH_DATABASES,
          workers: [
            {
              name: 'warbler-passwords',
              modules: true,
              scriptPath: PASSWORD_WORKER_BUNDLE,
              compatibilityDate: '2026-10-01',
              compatibilityFlags: ['nodejs_compat'],
            },
            {
              name: 'warbler-search',
              modules: true,
              scriptPath: SEARCH_WORKER_BUNDLE,
              compatibilityDate: '2026-10-01',
              compatibilityFlags: ['nodejs_compat'],
              bindings: { DOCUMENTS_PER_DATABASE: DOCUMENTS_PER_DATABASE },
              d1Databases: SEARCH_DATABASES,
            },
          ],
        },
      })),
    ],
    test: {
      name,
      include: [include],
      setupFiles: ['test/runtime/search-databases.ts', 'test/runtime/after-last-test.ts'],
      globalSetup: ['test/node/harness/runtime-setup.ts'],
    },
  }
}

/** The search Worker in its runtime: databases so small that most tests fill one and go on in the next. */
const searchProject: TestProjectConfiguration = {
  extends: true,
  plugins: [
    cloudflareTest(async () => ({
      wrangler: { configPath: './src/search/wrangler.toml' },
      miniflare: {
        bindings: { DOCUMENTS_PER_DATABASE: '150', MIGRATIONS: await readD1Migrations(SEARCH_MIGRATIONS) },
      },
    })),
  ],
  test: {
    name: 'search',
    include: ['test/search/**/*.test.ts'],
    setupFiles: ['test/search/apply-migrations.ts'],
  },
}

export default defineConfig({
  test: {
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: 120_000,
    maxWorkers: 2,
    silent: 'passed-only',
    reporters: ['default', './tools/plain-summary.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts'], environment: 'node' },
      },
      runtimeProject('runtime', 'test/runtime/**/*.test.ts'),
      // Which authors are pulled concerns every home timeline: these tests have a database of their own.
      runtimeProject('pulled', 'test/pulled/**/*.test.ts'),
      // It waits until nothing is owed to anybody: a database of its own, too.
      runtimeProject('leaks', 'test/leaks/**/*.test.ts'),
      searchProject,
      {
        extends: true,
        test: { name: 'node', include: ['test/node/**/*.test.ts'], environment: 'node' },
      },
      {
        extends: true,
        test: { name: 'faults', include: ['test/faults/**/*.test.ts'], environment: 'node' },
      },
    ],
  },
})
