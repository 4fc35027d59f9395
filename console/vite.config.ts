import react from '@vitejs/plugin-react'
import { loadEnv } from 'vite'
import { defineConfig } from 'vitest/config'

// Where `npm run dev` finds a running Keydesk: `make run` serves there.
const { KEYDESK_SERVER = 'http://127.0.0.1:8000' } = loadEnv('', '.', 'KEYDESK_')

/** Not GraphiQL with its editor: no page of the console loads any of it. */
function isOfTheConsole(id: string): boolean {
  return !/graphiql|monaco|prettier/.test(id)
}

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: 'dist',
    assetsDir: 'assets',
    manifest: true,
    // A file can be cached for a year, what is inlined can't.
    assetsInlineLimit: 0,
    // Monaco, which GraphiQL alone loads, is bigger than what Vite finds usual.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      input: { console: 'index.html', graphiql: 'graphiql/index.html' },
      // What several screens share is one file: forty small ones take longer than their bytes.
      output: { codeSplitting: { groups: [{ name: 'shared', test: isOfTheConsole, minShareCount: 3 }] } },
      onwarn(warning, warn) {
        // Of libraries, for a compiler that is not used here.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning)
      },
    },
  },
  server: {
    // As that server's own page: it refuses what comes from another origin.
    proxy: Object.fromEntries(
      ['/graphql', '/docs', '/v1'].map((path) => [
        path,
        { target: KEYDESK_SERVER, headers: { origin: KEYDESK_SERVER } },
      ]),
    ),
  },
  test: {
    projects: [
      { extends: true, test: { name: 'functions', environment: 'node', include: ['src/**/*.test.ts'] } },
      {
        extends: true,
        server: { fs: { allow: ['.', '../schema'] } },
        test: {
          name: 'components',
          environment: 'jsdom',
          include: ['src/**/*.test.tsx'],
          setupFiles: 'src/testing/setup.ts',
          testTimeout: 60_000,
        },
      },
    ],
  },
})
