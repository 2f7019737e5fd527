"""The contrast of a text with what is behind it, as WCAG 2.2 defines it, in the browser."""

CONTRAST = r"""
(element) => {
  const rgba = (color) => (([r, g, b, a = 1]) => [r, g, b, a])(color.match(/[\d.]+/g).map(Number));
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (color) => color.slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const layers = [];
  let opacity = 1;
  for (let at = element; at; at = at.parentElement) {
    const style = getComputedStyle(at);
    opacity *= style.opacity;
    layers.push(rgba(style.backgroundColor));
  }
  const behind = layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  const [r, g, b, a] = rgba(getComputedStyle(element).color);
  const [dim, bright] = [over([r, g, b, a * opacity], behind), behind].map(light).sort((one, other) => one - other);
  return (bright + 0.05) / (dim + 0.05);
}
"""

FAINT = """
(root) => [...root.querySelectorAll("*")]
  .filter((element) => element.checkVisibility() && !element.closest("svg, button, select, [aria-hidden=true]"))
  .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .map((element) => [CONTRAST(element), element.textContent.trim().slice(0, 60)])
  .filter(([contrast]) => contrast < 4.5)
""".replace("CONTRAST", f"({CONTRAST.strip()})")
"""The texts within an element whose contrast is below 4.5, the least for small text; not those of buttons."""
