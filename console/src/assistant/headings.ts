/** The words around an answer, in the language of the answer. */

interface Headings {
  lookedAt: string
  whatToDo: string
}

const english: Headings = { lookedAt: 'What I looked at:', whatToDo: 'What to do:' }

/** By the tag that `Message.language` has. */
const byLanguage: Partial<Record<string, Headings>> = {
  en: english,
  de: { lookedAt: 'Was ich angesehen habe:', whatToDo: 'Was zu tun ist:' },
  fr: { lookedAt: 'Ce que j’ai consulté :', whatToDo: 'Que faire :' },
  es: { lookedAt: 'Lo que he consultado:', whatToDo: 'Qué hacer:' },
  'pt-BR': { lookedAt: 'O que eu consultei:', whatToDo: 'O que fazer:' },
  ja: { lookedAt: '確認した内容：', whatToDo: '対処方法：' },
  'zh-Hans': { lookedAt: '我查看了：', whatToDo: '建议操作：' },
}

/** The headings of an answer. An answer of an older server has no language, and is in English. */
export function headingsIn(language: string | null | undefined): Headings {
  return byLanguage[language ?? 'en'] ?? english
}
