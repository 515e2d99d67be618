// Keeps the living part of the page as the device tells it. Without this script the page
// is as fresh as its last load.
const living = document.getElementById("living");
if (living) {
  const told = new EventSource("/fresh");
  told.onmessage = (event) => {
    // What a person is typing into must not be replaced under their fingers.
    if (!living.contains(document.activeElement) || document.activeElement.tagName !== "INPUT") {
      living.innerHTML = event.data;
    }
  };
}
