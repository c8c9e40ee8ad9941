// What unfold's pages need under a policy that forbids evaluated code: its components by name, the few expressions the
// CSP build of Alpine cannot read, and controls that work by keyboard and have names.
"use strict";

document.addEventListener("alpine:init", () => {
  Alpine.data("theme", window.theme);
  Alpine.data("searchForm", window.searchForm);
  Alpine.data("searchDropdown", window.searchDropdown);
  Alpine.data("searchCommand", () => ({
    ...window.searchCommand(),
    openItem(event) {
      if (this.items && this.currentIndex > 0) {
        this.selectItem(false, event.metaKey || event.ctrlKey);
      }
    },
  }));
  Alpine.data("shell", shell);
  Alpine.data("personSearch", personSearch);
});

// The state every page shares. `window` stands in for the two properties that unfold's change form reads in expressions.
function shell(firstTab) {
  const stored = localStorage.getItem("sidebarDesktopOpen");
  return {
    activeTab: (firstTab && window.getCurrentTab()) || firstTab,
    sidebarMobileOpen: false,
    sidebarDesktopOpen: stored === null || stored === "1",
    window: { location: { pathname: location.pathname, search: location.search } },
    toggleSidebar() {
      this.sidebarDesktopOpen = !this.sidebarDesktopOpen;
      localStorage.setItem("sidebarDesktopOpen", this.sidebarDesktopOpen ? "1" : "0");
    },
  };
}

function isTyping(event) {
  const active = document.activeElement;
  return active.matches("input, textarea, select") || active.isContentEditable || event.ctrlKey || event.metaKey || event.altKey;
}

// "/" finds a person from anywhere, unless the page has a search box of its own.
function personSearch() {
  return {
    focusOnSlash(event) {
      if (event.key !== "/" || isTyping(event) || document.getElementById("searchbar")) {
        return;
      }
      event.preventDefault();
      if (this.$refs.person.offsetParent === null) {
        location.assign(this.$root.action); // the navigation is hidden: go where the box is
      } else {
        this.$refs.person.focus();
      }
    },
  };
}

// "?" shows the keys.
document.addEventListener("keydown", (event) => {
  const keys = document.getElementById("desk-keys");
  if (event.key === "?" && keys && !keys.open && !isTyping(event)) {
    event.preventDefault();
    keys.showModal();
  }
});

// One letter for each act of a queue: it presses the button that carries it.
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.shiftKey || isTyping(event) || document.querySelector("dialog[open]") || !/^[a-z]$/.test(event.key)) {
    return;
  }
  const button = document.querySelector(`button[data-key="${event.key}"]`);
  if (button) {
    event.preventDefault();
    button.click();
  }
});

// What was revealed is copied by one press; the button says that it was.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) {
    return;
  }
  const value = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(value.textContent.trim());
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(value); // no clipboard here: ready for Ctrl+C
    button.textContent = "Selected: press Ctrl+C";
  }
});

// Older times in the viewer's own zone; what is exact and in UTC stays in the title.
function showOwnZone() {
  const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[data-zoned]")) {
    time.textContent = zone.format(new Date(time.dateTime));
  }
}
document.addEventListener("DOMContentLoaded", showOwnZone);

const ICON_NAMES = {
  add: "Add",
  close: "Close",
  computer: "Theme",
  dark_mode: "Theme",
  light_mode: "Theme",
  more_horiz: "More",
  unfold_more: "Open menu",
  visibility: "Show or hide password",
  visibility_off: "Show or hide password",
};

// Clickable elements that are no controls become buttons: reachable by Tab, worked by Enter and Space, with a name.
function makeOperable(root) {
  const clickable = root.querySelectorAll(
    "a[x-on\\:click]:not([href]), span[x-on\\:click], div[x-on\\:click]:not(#changelist-filter-close)",
  );
  for (const element of clickable) {
    if (element.hasAttribute("role")) {
      continue;
    }
    element.setAttribute("role", "button");
    element.setAttribute("tabindex", "0");
    element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        element.click();
      }
    });
    nameByIcon(element);
  }
  for (const link of root.querySelectorAll("a[href], button")) {
    nameByIcon(link);
  }
  for (const icon of root.querySelectorAll(".material-symbols-outlined:not([role])")) {
    icon.setAttribute("aria-hidden", "true");
  }
}

function nameByIcon(element) {
  const icon = element.matches(".material-symbols-outlined") ? element : element.querySelector(".material-symbols-outlined");
  if (!icon || element.hasAttribute("aria-label") || element.textContent.trim() !== icon.textContent.trim()) {
    return;
  }
  element.setAttribute("aria-label", element.title || ICON_NAMES[icon.textContent.trim()] || "Open");
}

// Landmarks: one main region, and a name of its own for each region and navigation. Wide tables scroll by keyboard.
function nameLandmarks() {
  (document.getElementById("main") || document.getElementById("page"))?.setAttribute("role", "main");
  document.getElementById("nav-sidebar-inner")?.setAttribute("aria-label", "Rooms");
  document.getElementById("tabs-items")?.setAttribute("aria-label", "Tabs");
  document.querySelectorAll(".simplebar-content-wrapper").forEach((region, place) => {
    region.setAttribute("tabindex", "0");
    const name = region.closest("#nav-sidebar") ? "Navigation" : region.querySelector("table") ? "Table" : "Part";
    region.setAttribute("aria-label", `${name} ${place + 1}, scrollable`);
  });
  for (const icon of document.querySelectorAll(".help-tooltip[aria-label]")) {
    icon.setAttribute("role", "img");
  }
  for (const cell of document.querySelectorAll("td[data-label]")) {
    cell.dataset.label = cell.dataset.label.charAt(0).toUpperCase() + cell.dataset.label.slice(1);
  }
}

document.addEventListener("alpine:initialized", () => makeOperable(document));
// After the other load handlers, which still build parts of the page.
window.addEventListener("load", () => setTimeout(nameLandmarks));
document.addEventListener("htmx:afterSettle", (event) => makeOperable(event.target));
