/**
 * What this phone keeps: cards with their keys, and a few settings, in IndexedDB.
 *
 * A browser may clear all of it; nothing here is the only copy of anything but the keys, and those are replaced by
 * moving the card here again.
 */

const NAME = "abtc-wallet";
const VERSION = 1;

/** The browser has no room, is in a private mode, or another page has a wallet of another version open. */
export class StoreError extends Error {
  /** @param {unknown} cause What the browser said. */
  constructor(cause) {
    super("this browser does not keep anything", { cause });
    this.name = "StoreError";
  }
}

/**
 * @returns {Promise<Store>} The store, made where there is none.
 * @throws {StoreError} The browser keeps nothing.
 */
export async function openStore() {
  const database = await settled(() => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("cards", { keyPath: "id" });
      request.result.createObjectStore("settings");
      request.result.createObjectStore("activity", { keyPath: "id", autoIncrement: true });
    };
    return request;
  });
  // A newer page may have to change what is kept; this one gives way and is loaded again when it is next shown.
  database.onversionchange = () => database.close();
  return new Store(database);
}

class Store {
  #database;

  constructor(database) {
    this.#database = database;
  }

  /** @returns {Promise<object[]>} All cards, as they were put. */
  cards() {
    return this.#ask("cards", (table) => table.getAll());
  }

  /** @param {object} card With an `id`; replaces the one that has it. */
  putCard(card) {
    return this.#change("cards", (table) => table.put(card));
  }

  /**
   * Change one card in one step, so that two pages that are open never undo each other's work.
   *
   * @param {string} id Which one.
   * @param {(card: object) => object} edit Returns what it becomes; must not wait for anything.
   * @returns {Promise<object | undefined>} What it became; nothing where it is gone.
   */
  async editCard(id, edit) {
    let edited;
    await this.#change("cards", (table) => {
      table.get(id).onsuccess = ({ target }) => {
        if (target.result === undefined) return;
        edited = edit(target.result);
        table.put(edited);
      };
    });
    return edited;
  }

  /** @param {string} id Which card is forgotten, with its keys. */
  dropCard(id) {
    return this.#change("cards", (table) => table.delete(id));
  }

  /** @returns {Promise<unknown>} A setting, or undefined. */
  setting(name) {
    return this.#ask("settings", (table) => table.get(name));
  }

  /** Keep a setting: anything that can be cloned. */
  putSetting(name, value) {
    return this.#change("settings", (table) => table.put(value, name));
  }

  /** @returns {Promise<object[]>} What was shown or shared, oldest first. */
  activity() {
    return this.#ask("activity", (table) => table.getAll());
  }

  /** @param {object} event What happened; kept on this phone only. */
  addActivity(event) {
    return this.#change("activity", (table) => table.add(event));
  }

  /** Forget what was shown or shared. */
  clearActivity() {
    return this.#change("activity", (table) => table.clear());
  }

  #ask(name, ask) {
    return settled(() => ask(this.#database.transaction(name).objectStore(name)));
  }

  #change(name, work) {
    return new Promise((resolve, reject) => {
      try {
        // The default may answer before anything is on the disk, and then a key that the issuer has signed for is lost.
        const transaction = this.#database.transaction(name, "readwrite", { durability: "strict" });
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(new StoreError(transaction.error));
        work(transaction.objectStore(name));
      } catch (error) {
        reject(new StoreError(error));
      }
    });
  }
}

function settled(ask) {
  return new Promise((resolve, reject) => {
    try {
      const request = ask();
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new StoreError(request.error));
      request.onblocked = () => reject(new StoreError("blocked"));
    } catch (error) {
      reject(new StoreError(error));
    }
  });
}
