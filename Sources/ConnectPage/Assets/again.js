// "Try again" on a page that the service made itself: the address once more, with its fragment, which the link without
// this script would lose.

document.getElementById('again').addEventListener('click', (event) => {
  event.preventDefault();
  location.reload();
});
