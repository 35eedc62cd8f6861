const RADII = { pill: "22px", round: "16px", soft: "10px", sharp: "2px" };
const DENSITIES = { compact: "0.8", normal: "1", spacious: "1.2" };

/** Put the `theme` option (a colour scheme, or the whole option) on the element as attributes and CSS properties. */
export function applyTheme(element, theme = "light") {
  const { colorScheme = "light", typography, radius, density, color } = typeof theme === "string" ? { colorScheme: theme } : theme;
  element.dataset.theme = colorScheme;
  const properties = {
    "--font": typography?.fontFamily,
    "--font-mono": typography?.fontFamilyMono,
    "--font-size": typography?.baseSize && `${typography.baseSize}px`,
    "--radius": RADII[radius],
    "--density": DENSITIES[density],
    "--accent": color?.accent?.primary,
    "--surface": color?.surface?.background,
    "--text": color?.surface?.foreground,
  };
  for (const [name, value] of Object.entries(properties)) {
    if (value) element.style.setProperty(name, value);
    else element.style.removeProperty(name);
  }
}
