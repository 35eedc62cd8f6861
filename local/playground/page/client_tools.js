/** The client tools of this page: what the assistant may do in the browser of the user it talks with. */
export function clientTools({ setTheme }) {
  const tools = {
    get_browser_info: () => ({
      language: navigator.language,
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      local_time: new Date().toString(),
      online: navigator.onLine,
    }),
    switch_theme: ({ theme }) => {
      setTheme(theme === "dark" ? "dark" : "light");
      return { theme: document.documentElement.dataset.theme };
    },
  };
  return ({ name, params }) => {
    const tool = Object.hasOwn(tools, name) && tools[name];
    if (!tool) throw new Error(`This page has no client tool named ${name}.`);
    return tool(params);
  };
}
