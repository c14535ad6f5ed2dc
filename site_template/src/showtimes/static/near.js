// Asks the browser where it is, when the button is pressed, and goes to the page for that place.
"use strict";

const button = document.getElementById("near");
const said = document.getElementById("near-said");

function found({ coords }) {
  // Two decimals are about a kilometre: enough for a city, too little for an address.
  location.assign(`/?near=${coords.latitude.toFixed(2)},${coords.longitude.toFixed(2)}`);
}

function refused() {
  said.textContent = button.dataset.refused;
  button.disabled = false;
}

if (button && "geolocation" in navigator) {
  button.hidden = false;
  button.addEventListener("click", () => {
    button.disabled = true;
    said.textContent = button.dataset.asking;
    navigator.geolocation.getCurrentPosition(found, refused, { timeout: 15000, maximumAge: 600000 });
  });
}
