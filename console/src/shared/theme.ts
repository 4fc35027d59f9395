/** The one place that departs from Mantine's own look. */
import { Alert, Anchor, createTheme, Menu, Modal } from '@mantine/core'

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 8 },
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: '600' },
  components: {
    // In the text's own colour: yellow on pale yellow can't be read.
    Alert: Alert.extend({ styles: { title: { color: 'var(--mantine-color-text)' } } }),
    // The placeholder takes the focus inside of the menu, where only items may be.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    // A link within a text must not be told from it by its colour alone.
    Anchor: Anchor.extend({ defaultProps: { inherit: true, underline: 'always' } }),
    // Mantine moves its loader into place by a transition, which reduced motion leaves out.
    Button: { styles: { loader: { transform: 'translate(-50%, -50%)' } } },
    // Choosing the chosen one again must not make it nothing. By its name: few pages load a Select.
    Select: { defaultProps: { allowDeselect: false } },
    Modal: Modal.extend({
      defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close' } },
      styles: { title: { fontWeight: 600, overflowWrap: 'anywhere' } },
    }),
  },
})
