import tseslint from 'typescript-eslint'

/** Folders in import order: each may import from those after it, never from those before it. */
const layers = ['cli', 'operations', 'node', 'client', 'query', 'adapters', 'wire', 'ports', 'core']

const layerRules = layers.map((layer, index) => ({
  files: [`src/${layer}/**/*.ts`],
  rules: {
    'no-restricted-imports': ['error', {
      patterns: layers.slice(0, index).map((outer) => ({
        group: [`**/${outer}/**`],
        message: `src/${layer} must not import from src/${outer}: imports point downwards only.`,
      })),
    }],
  },
}))

const clockAndChance = ['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'process', 'Buffer', 'crypto']

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'src/wire/generated/**', 'coverage/**'] },
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  ...layerRules,
  {
    files: ['src/core/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...clockAndChance],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random', message: 'Chance comes in as an argument (core/time/random.ts).' }],
      'no-restricted-syntax': ['error',
        { selector: 'AwaitExpression', message: 'A machine never awaits.' },
        { selector: 'FunctionDeclaration[async=true], ArrowFunctionExpression[async=true]', message: 'A machine never awaits.' }],
    },
  },
)
