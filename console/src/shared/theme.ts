/** The console's theme: every difference from Mantine's own look. */
import { Alert, Anchor, createTheme, Menu, Modal } from '@mantine/core'
import { brand } from './brand'

export const theme = createTheme({
  primaryColor: brand.shades ? 'brand' : 'indigo',
  colors: brand.shades ? { brand: brand.shades } : {},
  primaryShade: { light: 7, dark: 8 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: '600' },
  components: {
    // Titles have the color of text: yellow on pale yellow can't be read.
    Alert: Alert.extend({ styles: { title: { color: 'var(--mantine-color-text)' } } }),
    // The placeholder would take the focus inside the menu, where only items may have it.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    // A link within a text must differ from it by more than its color.
    Anchor: Anchor.extend({ defaultProps: { inherit: true, underline: 'always' } }),
    // Mantine moves its loader into place by a transition, which does not run with reduced motion.
    Button: { styles: { loader: { transform: 'translate(-50%, -50%)' } } },
    // Choosing the chosen option again must not clear it. Configured by name, because few pages load Select.
    Select: { defaultProps: { allowDeselect: false } },
    Modal: Modal.extend({
      defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close' } },
      styles: { title: { fontWeight: 600, overflowWrap: 'anywhere' } },
    }),
  },
})
